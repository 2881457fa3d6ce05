/**
 * Canaries in whatever an extension may hand over: none may be in the storage directory or on the
 * wire, neither whole nor in part, nor as a plain hash that a dictionary would undo.
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { sieve } from '../src/attributes';
import { isSuspicious, machineRegex } from '../src/scrub';
import { Machine, until } from './helpers';
import { host } from './vscode';

const CORE = 'zqxcanaryjwv';
const SHAPES: Record<string, string> = {
  plain: CORE,
  sentence: `please keep ${CORE} between us`,
  'e-mail': `${CORE}@mail.example.com`,
  'home path': `/home/${CORE}/notes/plan.md`,
  'mac path': `/Users/${CORE}/notes/plan.md`,
  'windows path': `C:\\Users\\${CORE}\\plan.md`,
  'other path': `/srv/${CORE}/plan.md`,
  'relative path': `../${CORE}/plan.md`,
  uri: `memo://${CORE}/1?q=${CORE}#x`,
  secret: `password=${CORE}`,
  token: `Bearer ${CORE}${CORE}`,
  key: `sk-${CORE}${CORE}12345678`,
  korean: '홍길동의비밀',
  quotes: `it's "${CORE}" \\ and\n'${CORE}'\0${CORE}`,
  'half a pair': `${CORE}\ud800${CORE}`,
  markup: `<script>${CORE}</script>`,
  'made-up frame': `no\n    at ${CORE} (${CORE}.js:1:2)\n    at ${CORE} (${CORE}.js:1:2)`,
  'object key': `{"${CORE}": 1}`,
};
const NEEDLES = [CORE, '홍길동', 'machine-id-canary', '\\ud64d'];

let machine: Machine;

beforeEach(async () => {
  machine = new Machine();
});

afterEach(async () => {
  expect(machine.faults).toBe(0);
  await machine.remove();
});

/** Shows where, not all of a megabyte. */
function expectAbsent(text: string, needle: string, what: string): void {
  const at = text.indexOf(needle);
  expect(at < 0 ? '' : text.slice(Math.max(0, at - 80), at + 80), what).toBe('');
}

function hunt(text: string, what: string): void {
  for (const needle of NEEDLES) {
    for (const form of [
      needle, needle.toUpperCase(), encodeURIComponent(needle),
      Buffer.from(needle).toString('base64').replaceAll('=', '').slice(0, -1),
      Buffer.from(needle).toString('hex'), Buffer.from(needle, 'utf8').toString('latin1'),
    ]) {
      expectAbsent(text, form, `${needle} in ${what}`);
    }
  }
  for (const [shape, canary] of Object.entries(SHAPES)) {
    for (const algorithm of ['md5', 'sha1', 'sha256']) {
      const plain = createHash(algorithm).update(canary).digest('hex');
      expectAbsent(text, plain.slice(0, 16), `plain ${algorithm} of ${shape} in ${what}`);
    }
  }
}

for (const cleansErrors of [true, false]) {
  test(`${cleansErrors ? 'an editor that cleans errors' : 'an older editor'}: no canary in the envelopes or on the wire`, async () => {
    host.cleansErrors = cleansErrors;
    const telemetry = machine.open({ userId: `user-${CORE}`, userHashKey: 'a key of this installation' });
    for (const canary of Object.values(SHAPES)) {
      telemetry.activate(canary);
      telemetry.contextSwitch({ fromBranch: canary, toBranch: canary, filePath: canary });
      const error = new Error(canary, { cause: new Error(canary) });
      const frame = canary === CORE || canary.includes('\n') ? '' : `    at ${canary} (${canary}:1:2)\n`;
      error.stack = `Error: ${canary}\n${frame}    at f (/home/${CORE}/x.js:3:4)`;
      telemetry.error(error);
      telemetry.error(Object.assign(new Error(canary), { name: canary, code: canary }), { crash: true });
      telemetry.error(canary, { type: canary });
      telemetry.error({ message: canary, [canary]: canary });
      host.throwUnhandled(error);
      expect(() => telemetry.uiInteraction('click', 'x', () => { throw error; })).toThrow(canary);
      // One word is what a name of a program looks like too: those are the author's to choose, here
      // and in a frame of a stack.
      if (canary !== CORE) {
        telemetry.uiInteraction(canary, canary);
        telemetry.codeInsert({ language: canary, linesInserted: canary as never });
        telemetry.uiInteraction(canary, canary, () => undefined);
      }
      (telemetry as unknown as { codeInsert(value: object): void }).codeInsert({ [canary]: canary });
    }
    await telemetry.flush();
    expect(machine.envelopes.length).toBeGreaterThan(0);
    hunt(machine.stored, 'the storage directory');

    await machine.receiver.start();
    machine.open({ userId: `user-${CORE}`, userHashKey: 'a key of this installation' });
    await until(() => machine.envelopes.length === 0, 'the outbox is empty');
    const wire = machine.receiver.requests.map((one) => JSON.stringify(one)).join('\n');
    expect(machine.receiver.events.length).toBeGreaterThan(Object.keys(SHAPES).length * 9);
    hunt(wire, 'the wire');
    for (const name of [hostname(), userInfo().username].filter((one) => one.length > 4)) {
      expect(wire).not.toContain(name);
    }
  });
}

test('the sender never sees the user id, and nothing of a host that mixes in its own', () => {
  const removed: number[] = [];
  const kept = sieve(
    {
      'common.vscodemachineid': 'machine-id-canary', 'user.id': CORE, 'enduser.id': CORE,
      'cortex.ui.action': 'click', 'cortex.ui.element': `/home/${CORE}/x`,
      'cortex.error.message': CORE, 'cortex.error.location': `no location of ${CORE}`,
      'user.hash': CORE, 'cortex.result': CORE, 'session.id': CORE, 'error.type': CORE,
      'cortex.code.lines_inserted': CORE, constructor: CORE, __proto__: { 'user.id': CORE },
    },
    () => removed.push(1),
  );
  expect(kept).toEqual({ 'cortex.ui.action': 'click' });
  expect(removed).toHaveLength(7);
});

test('files are for the user alone', async () => {
  const telemetry = machine.open();
  telemetry.contextSwitch({ toBranch: 'main' });
  await telemetry.flush();
  const [name] = machine.envelopes;
  const modeOf = (path: string) => statSync(path).mode & 0o777;
  expect(modeOf(machine.outbox)).toBe(0o700);
  expect(modeOf(join(machine.outbox, name ?? ''))).toBe(0o600);
  expect(modeOf(join(machine.storage, 'cortex-telemetry', 'text-hash.key'))).toBe(0o600);
});

test('equal texts have equal hashes on a machine, and others on another machine', async () => {
  const other = new Machine();
  const hashes = [];
  for (const one of [machine, machine, other]) {
    const telemetry = one.open();
    telemetry.contextSwitch({ toBranch: 'main' });
    await telemetry.flush();
    const body = readFileSync(join(one.outbox, one.envelopes.at(-1) ?? ''), 'utf8');
    hashes.push(/cortex\.branch\.to\.hash","value":\{"stringValue":"([0-9a-f]{16})"/.exec(body)?.[1]);
  }
  await other.remove();
  expect(hashes[0]).toMatch(/^[0-9a-f]{16}$/);
  expect(hashes[1]).toBe(hashes[0]);
  expect(hashes[2]).not.toBe(hashes[0]);
});

test('an endpoint that is not on this machine is refused', async () => {
  for (const endpoint of [
    'https://telemetry.example.com', 'http://10.0.0.1:4318', 'http://127.0.0.1.example.com',
    'http://localhost@example.com', 'http://0.0.0.0:4318', 'file:///etc/passwd', 'nonsense', '',
  ]) {
    const telemetry = machine.open({ endpoint });
    telemetry.uiInteraction('click', 'x');
    telemetry.error(new Error('x'), { crash: true });
    expect(telemetry.status().problem, endpoint).toContain('must be an http URL of this machine');
    expect(await telemetry.flush()).toBe(true);
  }
  expect(machine.stored).toBe('');
  for (const endpoint of ['http://localhost:1', 'http://[::1]:1/', 'http://127.0.0.1:1/v1/logs']) {
    expect(machine.open({ endpoint }).status().problem).toBe('');
  }
});

test('what looks like personal data or a secret', () => {
  const suspicious = [
    'a@b.co', 'ａ@ｂ.ｃｏ', 'api_key=x1', 'Authorization: Bearer abc', 'ghp_0123456789abcdef0',
    'AKIAABCDEFGHIJKLMNOP', '010-1234-5678', '+82 10 1234 5678', '900101-1234567',
    '4111 1111 1111 1111', '10.0.0.1', 'fe80::1', '00:1B:44:11:3A:B7', '/home/x/y',
    'C:\\Users\\x', 'eyJhbGciOiJIUzI1NiJ9', 'f'.repeat(32), 'pass\u200bword=x', '암호: 열려라',
    'https://u:p@host/x', '-----BEGIN PRIVATE KEY',
  ];
  expect(suspicious.filter((text) => !isSuspicious(text))).toEqual([]);
  const harmless = [
    'open_panel', 'click', 'command:cortex.openPanel', 'view/title', '1.126.0', 'typescriptreact',
    'TypeError', 'vscode-insiders', 'std::dec', 'token_count', 'C++', 'x'.repeat(100),
  ];
  expect(harmless.filter(isSuspicious)).toEqual([]);
});

test('the names of this machine are found as whole words, but for generic ones', () => {
  const names = machineRegex(['gildong', 'laptop.example.net', 'root', 'ab']);
  expect(['gildong', 'GILDONG-1', 'x.laptop.y', 'gildong의'].every((text) => names.test(text))).toBe(true);
  expect(['gildongs', 'root', 'ab', ''].some((text) => names.test(text))).toBe(false);
});
