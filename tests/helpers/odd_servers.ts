/**
 * Servers that do what no server should.
 */

/** What is done with a connection, by the path that is asked for. */
export type Behaviour = (connection: Deno.Conn, path: string) => Promise<void>;

/** Serves connections as bytes while `run` runs; at its end all are closed. */
export async function withTcpServer(behave: Behaviour, run: (address: string) => Promise<void>): Promise<void> {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const connections = new Set<Deno.Conn>();
  const serving = (async () => {
    for await (const connection of listener) {
      connections.add(connection);
      const request = new Uint8Array(4096);
      // what is closed from the other side is not answered
      const answer = async () => {
        const count = await connection.read(request) ?? 0;
        const [, path = "/"] = new TextDecoder().decode(request.subarray(0, count)).split(" ");
        await behave(connection, path);
      };
      answer().catch(() => {});
    }
  })();
  try {
    await run(`http://127.0.0.1:${listener.addr.port}`);
  } finally {
    listener.close();
    await serving.catch(() => {});
    for (const connection of connections) {
      try {
        connection.close();
      } catch {
        // it is closed already
      }
    }
  }
}

/** Sends text. */
export async function send(connection: Deno.Conn, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

/** Waits. */
export const sleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** An answer's head. */
export const head = (length?: number, more = ""): string =>
  `HTTP/1.1 200 OK\r\nconnection: close\r\n${length === undefined ? "" : `content-length: ${length}\r\n`}${more}\r\n`;

/** Sends for ever. */
export async function endless(connection: Deno.Conn, text: string): Promise<void> {
  await send(connection, head());
  while (true) await send(connection, text);
}
