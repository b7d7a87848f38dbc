/**
 * A local stand-in for jsr:@std/streams, so that a clone works where JSR cannot be reached: what the project uses of it,
 * with the same name, signature and behaviour. See CONTRIBUTING.md.
 *
 * @module
 */

/** A transform stream of a function that makes what is read from what is written, as a generator does. */
export function toTransformStream<I, O>(
  transformer: (src: ReadableStream<I>) => Iterable<O> | AsyncIterable<O>,
  writableStrategy?: QueuingStrategy<I>,
  readableStrategy?: QueuingStrategy<O>,
): TransformStream<I, O> {
  const { writable, readable } = new TransformStream<I, I>(undefined, writableStrategy);
  const made = ReadableStream.from(transformer(readable));
  if (!readableStrategy) return { writable, readable: made };
  return { writable, readable: made.pipeThrough(new TransformStream<O, O>(undefined, undefined, readableStrategy)) };
}
