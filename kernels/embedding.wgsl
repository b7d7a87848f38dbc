// y[row] = scale · token[ids[row]] + position[at] + token_type[type], where at is row mod length or, in windows of several
// texts, row_positions[row], and type is 0 or, for pairs of texts, token_types[row].
// One invocation makes four neighbouring floats.
override POSITION: bool = false;
override ROW_POSITIONS: bool = false;
override TOKEN_TYPE: bool = false;
override TOKEN_TYPES: bool = false;

struct Params {
  rows: u32,
  columns4: u32, // of a row, in fours
  length: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<u32>; // [rows]
@group(0) @binding(2) var<storage, read> token: array<vec4f>; // [vocab, width]
@group(0) @binding(3) var<storage, read> position: array<vec4f>; // [>= length, width]
@group(0) @binding(4) var<storage, read> token_type: array<vec4f>; // [types, width]
@group(0) @binding(5) var<storage, read_write> y: array<vec4f>; // [rows, width]
@group(0) @binding(6) var<storage, read> row_positions: array<u32>; // [rows]
@group(0) @binding(7) var<storage, read> token_types: array<u32>; // [rows]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups);
  if (i >= params.rows * params.columns4) {
    return;
  }
  let row = i / params.columns4;
  let column = i % params.columns4;
  var value = params.scale * token[ids[row] * params.columns4 + column];
  if (POSITION) {
    var at = row % params.length;
    if (ROW_POSITIONS) {
      at = row_positions[row];
    }
    value += position[at * params.columns4 + column];
  }
  if (TOKEN_TYPE) {
    var kind = 0u;
    if (TOKEN_TYPES) {
      kind = token_types[row];
    }
    value += token_type[kind * params.columns4 + column];
  }
  y[i] = value;
}
