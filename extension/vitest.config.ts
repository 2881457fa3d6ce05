import { fileURLToPath } from 'node:url';

import { defineConfig } from 'vitest/config';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: {
      vscode: here('./test/vscode.ts'),
      '@cortex/telemetry': here('./src/index.ts'),
    },
  },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    // Files side by side, tests in a file one after the other: the stand-in is one editor.
    pool: 'forks',
  },
});
