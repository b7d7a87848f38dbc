/**
 * A local stand-in for jsr:@std/streams, so that a clone works where JSR cannot be reached: what the project uses of it,
 * with the same name, signature and behaviour. See CONTRIBUTING.md.
 *
 * @module
 */

/** Cuts text into lines at \n and \r\n, and with `allowCR` at a lone \r too. The line breaks are dropped. */
export class TextLineStream extends TransformStream<string, string> {
  /** A stream that holds no more than the unfinished line. */
  constructor({ allowCR = false }: { allowCR?: boolean } = {}) {
    let rest = "";
    const lineBreak = allowCR ? /\r\n|\n|\r(?!$)/ : /\r?\n/;
    super({
      transform(chunk, controller) {
        if (!chunk.includes("\n") && !(allowCR && /\r/.test(chunk))) {
          rest += chunk;
          return;
        }
        const lines = (rest + chunk).split(lineBreak);
        rest = lines.pop()!;
        for (const line of lines) controller.enqueue(line);
      },
      flush(controller) {
        if (rest.length === 0) return;
        controller.enqueue(allowCR && rest.endsWith("\r") ? rest.slice(0, -1) : rest);
      },
    });
  }
}
