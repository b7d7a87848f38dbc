/**
 * Headers of the pages in a column of a parquet file, checked before they are decoded: sizes that make no sense would be followed
 * without an end.
 *
 * @module
 */

/** Types of Thrift's compact protocol that occur in headers. */
const [STOP, TRUE, FALSE, BYTE, BINARY, LIST, STRUCT] = [0, 1, 2, 3, 8, 9, 12];
const [FIRST_INTEGER, LAST_INTEGER, DOUBLE] = [4, 6, 7];
/** Deepest nesting of a header. */
const DEEPEST = 8;

/**
 * Goes from page to page.
 *
 * @throws {RangeError} if a page ends outside of the bytes, or says that it has more values than the column.
 */
export function checkPages(bytes: Uint8Array, mostValues: number): void {
  for (let at = 0; at < bytes.length - 1;) {
    const header = { at, size: undefined as number | undefined, values: 0, levels: 0 };
    readHeader(bytes, header, { depth: 0, field: 0 });
    const { size, values, levels } = header;
    if (size === undefined || size < 0 || header.at + size > bytes.length) {
      throw new RangeError(`a page says ${size === undefined ? "of no size" : `that it has ${size} bytes`}`);
    }
    if (levels > size) throw new RangeError(`a page says that its levels have ${levels} bytes`);
    if (!(values >= 0 && values <= mostValues)) throw new RangeError(`a page says that it has ${values} values`);
    at = header.at + size;
  }
}

interface Header {
  at: number;
  size: number | undefined;
  values: number;
  levels: number;
}

/** Fields of a header: the packed size, and structures with the number of values first. */
const [DEFINITION_LEVELS, REPETITION_LEVELS] = [5, 6];
const CHECKSUM = 4;
const [PACKED_SIZE, DATA_PAGE, DICTIONARY_PAGE, DATA_PAGE_V2] = [3, 5, 7, 8];

/** Bits for the numbers that each kind of page cannot do without: its values, and how they and its levels are written. */
const wantedNumbers: Readonly<Record<number, number>> = {
  [DATA_PAGE]: 0b11110,
  [DICTIONARY_PAGE]: 0b110,
  [DATA_PAGE_V2]: 0b1111110,
};

function readHeader(bytes: Uint8Array, header: Header, { depth, field }: { depth: number; field: number }): void {
  if (depth > DEEPEST) throw new RangeError("the header of a page is nested too deep");
  let id = 0;
  // bits for the numbers that there are
  let given = 0;
  while (true) {
    const byte = byteAt(bytes, header);
    const type = byte & 15;
    if (type === STOP) {
      // what is missing would be no number, of which a decoder never sees the end
      const wanted = depth === 1 ? wantedNumbers[field] ?? 0 : 0;
      if ((given & wanted) !== wanted) throw new RangeError("the header of a page lacks a number");
      return;
    }
    id = byte >> 4 ? id + (byte >> 4) : zigzag(bytes, header);
    const isInteger = type >= FIRST_INTEGER && type <= LAST_INTEGER;
    if (!isInteger) skipValue(bytes, header, { type, depth, field: id });
    else {
      const value = zigzag(bytes, header);
      if (depth === 0 && id === PACKED_SIZE) header.size = value;
      const isPage = field === DATA_PAGE || field === DICTIONARY_PAGE || field === DATA_PAGE_V2;
      if (depth > 1 || !(depth === 0 || isPage)) continue;
      if (value < 0 && !(depth === 0 && id === CHECKSUM)) {
        throw new RangeError(`the header of a page has ${value} where no negative number can be`);
      }
      if (depth === 0) continue;
      if (id > 0 && id < 8) given |= 1 << id;
      if (id === 1) header.values = value;
      if (field === DATA_PAGE_V2 && (id === DEFINITION_LEVELS || id === REPETITION_LEVELS)) header.levels += value;
    }
  }
}

function skipValue(
  bytes: Uint8Array,
  header: Header,
  { type, depth, field }: { type: number; depth: number; field: number },
): void {
  if (type === TRUE || type === FALSE) return;
  if (type === BYTE) header.at++;
  else if (type === DOUBLE) header.at += 8;
  else if (type === BINARY) header.at += varint(bytes, header);
  else if (type === STRUCT) readHeader(bytes, header, { depth: depth + 1, field });
  else if (type === LIST) {
    const byte = byteAt(bytes, header);
    const count = byte >> 4 === 15 ? varint(bytes, header) : byte >> 4;
    const inner = byte & 15;
    for (let i = 0; i < count; i++) {
      if (inner >= FIRST_INTEGER && inner <= LAST_INTEGER) varint(bytes, header);
      else if (inner === TRUE || inner === FALSE) byteAt(bytes, header);
      else skipValue(bytes, header, { type: inner, depth: depth + 1, field: 0 });
      byteAfter(bytes, header);
    }
  } else throw new RangeError(`the header of a page has a value of type ${type}`);
}

function byteAt(bytes: Uint8Array, header: Header): number {
  byteAfter(bytes, header);
  return bytes[header.at++]!;
}

function byteAfter(bytes: Uint8Array, { at }: Header): void {
  if (!(at >= 0 && at < bytes.length)) throw new RangeError("the header of a page is cut off");
}

function varint(bytes: Uint8Array, header: Header): number {
  let value = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = byteAt(bytes, header);
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return value;
  }
  throw new RangeError("the header of a page has a number that is too long");
}

function zigzag(bytes: Uint8Array, header: Header): number {
  const value = varint(bytes, header);
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
