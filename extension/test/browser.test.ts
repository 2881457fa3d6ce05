import { expect, test, vi } from 'vitest';

import { createTelemetry } from '../src/browser';
import { contextOf } from './vscode';

const open = () => createTelemetry(contextOf('/nowhere'), { tier: 'free' });

test('in a browser it records nothing, says so once, and runs all work', () => {
  const info = vi.spyOn(console, 'info').mockImplementation(() => undefined);
  vi.stubGlobal('process', undefined);
  const telemetry = open();
  vi.unstubAllGlobals();
  telemetry.install();
  telemetry.activate();
  expect(telemetry.uiInteraction('click', 'x', () => 7)).toBe(7);
  expect(telemetry.status()).toMatchObject({ level: 'off', faults: 0 });
  expect(telemetry.status().problem).toMatch(/^web: from a browser/);
  expect(info.mock.calls).toEqual([[expect.stringContaining('nothing is recorded')]]);
  info.mockRestore();
});

test('in Node.js, where a bundler took it by mistake, it says what to set', () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  expect(open().status().problem).toContain("platform 'node'");
  expect(warn).toHaveBeenCalledOnce();
  warn.mockRestore();
});
