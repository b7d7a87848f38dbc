/**
 * Reads what the host must know of a kernel from its WGSL source, so that it is written down only once.
 *
 * @module
 */

/** A storage binding of a kernel. */
export interface ShaderBinding {
  readonly name: string;
  readonly index: number;
  readonly writable: boolean;
}

/** A field of the kernel's `Params`: four bytes each, in order. */
export interface ShaderParam {
  readonly name: string;
  readonly type: "u32" | "i32" | "f32";
}

/** The host's side of a kernel. */
export interface ShaderInterface {
  readonly params: readonly ShaderParam[];
  readonly bindings: readonly ShaderBinding[];
  /** Invocations of a workgroup along x, y and z. */
  readonly workgroupSize: readonly [number, number, number];
  /** Memory that a workgroup shares. */
  readonly workgroupBytes: number;
}

/**
 * Finds `struct Params`, the storage bindings, and what a workgroup is and needs in WGSL source.
 *
 * @throws {SyntaxError} for a size that is not a product of numbers and names of constants.
 */
export function parseShader(source: string): ShaderInterface {
  const code = source.replaceAll(/\/\/.*$/gm, "");
  const struct = /struct\s+Params\s*\{([^}]*)\}/.exec(code);
  const params = [...(struct?.[1] ?? "").matchAll(/(\w+)\s*:\s*(u32|i32|f32)/g)].map((match) => ({
    name: match[1]!,
    type: match[2]! as ShaderParam["type"],
  }));
  const declaration = /@group\(0\)\s*@binding\((\d+)\)\s*var<storage,\s*(read|read_write)>\s*(\w+)/g;
  const bindings = [...code.matchAll(declaration)].map((match) => ({
    name: match[3]!,
    index: Number(match[1]),
    writable: match[2] === "read_write",
  }));
  return { params, bindings, ...parseWorkgroup(code) };
}

function parseWorkgroup(code: string): Pick<ShaderInterface, "workgroupSize" | "workgroupBytes"> {
  const constants = constantsOf(code);
  const sizes = (/@workgroup_size\(([^)]*)\)/.exec(code)?.[1] ?? "").split(",").filter((size) => size.trim() !== "");
  const [x = 1, y = 1, z = 1] = sizes.map((size) => product(size, constants));
  const variables = code.matchAll(/var<workgroup>\s*\w+\s*:\s*([^;]+);/g);
  // WebGPU counts each variable in whole sixteens
  const bytes = [...variables].map((match) => Math.ceil(typeBytes(match[1]!, constants) / 16) * 16);
  return { workgroupSize: [x, y, z], workgroupBytes: bytes.reduce((sum, size) => sum + size, 0) };
}

/** Whole numbers that the source gives names: numbers themselves, or products of such and of names before them. */
export function constantsOf(code: string): ReadonlyMap<string, number> {
  const constants = new Map<string, number>();
  for (const [, name, expression] of code.matchAll(/\b(?:const|override) (\w+)(?:\s*:\s*\w+)?\s*=\s*([^;]+);/g)) {
    const value = productOf(expression!, constants);
    if (value !== undefined) constants.set(name!, value);
  }
  return constants;
}

/** A product, or quotient, of whole numbers and names of such; undefined if it is something else. */
export function productOf(expression: string, constants: ReadonlyMap<string, number>): number | undefined {
  const [first, ...rest] = expression.split(/([*/])/).map((text) => text.trim());
  const valueOf = (text: string) => /^\d+[ui]?$/.test(text) ? parseInt(text) : constants.get(text);
  let result = valueOf(first!);
  for (let i = 0; i < rest.length; i += 2) {
    const factor = valueOf(rest[i + 1]!);
    if (result === undefined || factor === undefined) return undefined;
    result = rest[i] === "*" ? result * factor : Math.floor(result / factor);
  }
  return result;
}

function product(expression: string, constants: ReadonlyMap<string, number>): number {
  const value = productOf(expression, constants);
  if (value === undefined) throw new SyntaxError(`Cannot tell how much "${expression.trim()}" is in a shader`);
  return value;
}

/** Size of a scalar, a vector, a matrix of four rows, or an array of them. */
function typeBytes(type: string, constants: ReadonlyMap<string, number>): number {
  const array = /^array<(.+),([^,>]+)>$/s.exec(type.trim());
  if (array) {
    const element = typeBytes(array[1]!, constants);
    return (element === 12 ? 16 : element) * product(array[2]!, constants);
  }
  const scalars =
    /^(?:(?:vec(?<vector>[234])|mat(?<columns>[234])x4)(?:[fiu]|<[fiu]32>)|vec(?<halves>[24])h|[fiu]32|f16)$/.exec(
      type.trim(),
    );
  if (!scalars) throw new SyntaxError(`Cannot tell how large "${type.trim()}" is in a shader`);
  if (scalars[0] === "f16") return 2;
  if (scalars.groups?.halves) return 2 * Number(scalars.groups.halves);
  return 4 * Number(scalars.groups?.vector ?? 1) * Number(scalars.groups?.columns ?? 1) *
    (scalars.groups?.columns ? 4 : 1);
}

/**
 * Turns `override`s into `const`s of the given values. WebGPU's own override mechanism would do, were it not that private
 * arrays may not have an overridable length and that loops over them must unroll to stay in registers.
 *
 * @throws {TypeError} for a constant that the source does not declare.
 */
export function specialise(source: string, constants: Readonly<Record<string, number | boolean>>): string {
  const unused = new Set(Object.keys(constants));
  const code = source.replaceAll(
    /^override (\w+): (bool|u32|i32|f32) = ([^;]+);/gm,
    (_, name: string, type: string, fallback: string) => {
      unused.delete(name);
      const value = constants[name];
      return `const ${name}: ${type} = ${value === undefined ? fallback : literal(value, type)};`;
    },
  );
  if (unused.size > 0) throw new TypeError(`The shader declares no override ${[...unused].join(", ")}`);
  return code;
}

function literal(value: number | boolean, type: string): string {
  if (type === "bool") return String(Boolean(value));
  if (type === "f32") return `f32(${Number(value)})`;
  return `${Number(value)}${type === "u32" ? "u" : "i"}`;
}

/** Room that a kernel's `Params` take. */
export function paramsBytes(shader: ShaderInterface): number {
  return Math.max(16, Math.ceil(shader.params.length / 4) * 16);
}

/** The bytes of a kernel's `Params` for one call. */
export function encodeParams(
  layout: readonly ShaderParam[],
  values: Readonly<Record<string, number>>,
): Uint8Array<ArrayBuffer> {
  const bytes = new DataView(new ArrayBuffer(layout.length * 4));
  for (const [i, { name, type }] of layout.entries()) {
    const value = values[name];
    if (value === undefined) throw new TypeError(`Missing kernel parameter "${name}"`);
    if (type === "f32") bytes.setFloat32(i * 4, value, true);
    else bytes.setUint32(i * 4, value, true);
  }
  for (const name of Object.keys(values)) {
    if (!layout.some((field) => field.name === name)) throw new TypeError(`Unknown kernel parameter "${name}"`);
  }
  return new Uint8Array(bytes.buffer);
}
