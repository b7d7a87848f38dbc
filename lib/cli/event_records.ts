/**
 * Events of TensorBoard as bytes: protocol buffers (tensorflow/core/util/event.proto, framework/summary.proto) in the records
 * of TFRecord files.
 *
 * @module
 */

import { bytesOf, doubleField, field, fieldStart, floatField, message, wholeField } from "../format/protobuf.ts";

/** Numbers by the names under which they are drawn. */
export type Scalars = Readonly<Record<string, number>>;

/** When an event was, in seconds since 1970, and after how many steps. */
export interface EventTime {
  /** Seconds since 1970. */
  readonly wallTime: number;
  /** Steps done. */
  readonly step: number;
}

/** Fields of Event. */
const WALL_TIME = 1;
const STEP = 2;
const FILE_VERSION = 3;
const SUMMARY = 5;
const SESSION_LOG = 7;

/** SessionLog.SessionStatus: a program begins anew. */
const START = 1;

/** The first record of a file. */
export function versionRecord(wallTime: number): Uint8Array<ArrayBuffer> {
  return record(bytesOf(message(doubleField(WALL_TIME, wallTime), field(FILE_VERSION, "brain.Event:2"))));
}

/** Takes back what files before this one tell of a step and of those after it. */
export function restartRecord(time: EventTime): Uint8Array<ArrayBuffer> {
  return record(bytesOf(message(...at(time), field(SESSION_LOG, message(wholeField(1, START))))));
}

/** Numbers at a step. There is one for every step of a run, so it is written in one go. */
export function scalarRecord(time: EventTime, scalars: Scalars): Uint8Array<ArrayBuffer> {
  const values = Object.entries(scalars);
  const size = values.reduce((sum, [tag]) => sum + beginningOf(tag).length + FLOAT, 0);
  const start = bytesOf(message(...at(time), fieldStart(SUMMARY, size)));
  const bytes = new Uint8Array(start.length + size);
  const view = new DataView(bytes.buffer);
  bytes.set(start);
  let place = start.length;
  for (const [tag, value] of values) {
    const beginning = beginningOf(tag);
    bytes.set(beginning, place);
    view.setFloat32(place + beginning.length, value, true);
    place += beginning.length + FLOAT;
  }
  return record(bytes);
}

/** Bytes of a number. */
const FLOAT = 4;

const beginnings = new Map<string, Uint8Array<ArrayBuffer>>();

/** A value of a summary up to its number, which is the same every time. */
function beginningOf(tag: string): Uint8Array<ArrayBuffer> {
  const known = beginnings.get(tag);
  if (known) return known;
  const whole = bytesOf(field(1, message(field(1, tag), floatField(2, 0))));
  const beginning = whole.slice(0, -FLOAT);
  beginnings.set(tag, beginning);
  return beginning;
}

const at = ({ wallTime, step }: EventTime) => [doubleField(WALL_TIME, wallTime), wholeField(STEP, step)];

/** A record: its length in 64 bits and the sum of that, its bytes and the sum of those, all with the lowest byte first. */
function record(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const framed = new Uint8Array(bytes.length + 16);
  const view = new DataView(framed.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint32(8, maskedSum(framed.subarray(0, 8)), true);
  framed.set(bytes, 12);
  view.setUint32(12 + bytes.length, maskedSum(bytes), true);
  return framed;
}

/** CRC-32C, turned and moved: a sum of bytes that hold sums themselves is of little use. */
function maskedSum(bytes: Uint8Array): number {
  const sum = crc32c(bytes);
  return ((sum >>> 15 | sum << 17) + 0xa282ead8) >>> 0;
}

/** Castagnoli's polynomial, the lowest bit first. */
const POLYNOMIAL = 0x82f63b78;

/** What a byte does to a sum. */
const effects = Uint32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? sum >>> 1 ^ POLYNOMIAL : sum >>> 1;
  return sum;
});

/** CRC-32C of bytes (RFC 3720, appendix B.4). */
export function crc32c(bytes: Uint8Array): number {
  let sum = ~0;
  for (const byte of bytes) sum = sum >>> 8 ^ effects[(sum ^ byte) & 255]!;
  return ~sum >>> 0;
}
