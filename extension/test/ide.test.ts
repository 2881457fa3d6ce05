import { expect, test } from 'vitest';

import { detectIde, osType } from '../src/ide';

test.each([
  [{ uriScheme: 'vscode', appName: 'Visual Studio Code' }, 'vscode'],
  [{ uriScheme: 'vscode-insiders', appName: 'Visual Studio Code - Insiders' }, 'vscode-insiders'],
  [{ uriScheme: 'vscodium', appName: 'VSCodium' }, 'vscodium'],
  [{ uriScheme: 'vscodium-insiders', appName: 'VSCodium - Insiders' }, 'vscodium'],
  [{ uriScheme: 'cursor', appName: 'Cursor' }, 'cursor'],
  [{ uriScheme: 'windsurf', appName: 'Windsurf' }, 'windsurf'],
  [{ uriScheme: 'code-oss', appName: 'Code - OSS' }, 'code-oss'],
  // The scheme decides, since forks keep the name; and the other way round where it isn't known.
  [{ uriScheme: 'cursor', appName: 'Visual Studio Code' }, 'cursor'],
  [{ uriScheme: 'x-unknown', appName: 'Windsurf - Next' }, 'windsurf'],
  [{ appName: 'Visual Studio Code - Insiders' }, 'vscode-insiders'],
  [{ uriScheme: 'toString', appName: "Gildong's Editor" }, 'other'],
  [{}, 'other'],
])('%o is %s', (env, name) => {
  expect(detectIde(env, '1.100.0').name).toBe(name);
});

test.each([
  ['1.126.0', '1.126.0'],
  ['1.127.0-insider', '1.127.0-insider'],
  ['1.126.0 (user gildong)', '1.126.0'],
  ['/home/gildong', ''],
  [undefined, ''],
])('version %s is told as %s', (given, told) => {
  expect(detectIde({}, given).version).toBe(told);
});

test('os.type is the word of the conventions', () => {
  expect(['win32', 'darwin', 'linux'].map(osType)).toEqual(['windows', 'darwin', 'linux']);
});
