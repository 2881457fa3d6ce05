/** A client of Cortex's MCP server, over stdio. */
import type { Telemetry } from '@cortex/telemetry';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

export interface Memory {
  search(telemetry: Telemetry, query: string): Promise<string[]>;
  close(): Promise<void>;
}

/** @param command of the server: the program and its arguments. */
export async function connect([command = '', ...args]: string[]): Promise<Memory> {
  const client = new Client({ name: 'cortex-sample', version: '0.1.0' });
  await client.connect(new StdioClientTransport({ command, args, env: environment(), stderr: 'inherit' }));
  return {
    search: async (telemetry, query) => {
      const request = { name: 'search_context', arguments: { query } };
      const result = await client.callTool(telemetry.withTraceContext(request));
      return (result.content as { text?: string }[]).flatMap(({ text }) => text ?? []);
    },
    close: () => client.close(),
  };
}

/** By default the SDK hands a server little more than `PATH`; its telemetry has settings there. */
function environment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
