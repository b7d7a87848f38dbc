// y[row] = scale · token[ids[row]] + position[place] + segment[0], where place is row mod length or, in windows of several
// texts, places[row].
// One invocation makes four neighbouring floats.
override POSITION: bool = false;
override PLACES: bool = false;
override SEGMENT: bool = false;

struct Params {
  rows: u32,
  width: u32, // in vec4
  length: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<u32>; // [rows]
@group(0) @binding(2) var<storage, read> token: array<vec4f>; // [vocab, width]
@group(0) @binding(3) var<storage, read> position: array<vec4f>; // [>= length, width]
@group(0) @binding(4) var<storage, read> segment: array<vec4f>; // [segments, width]
@group(0) @binding(5) var<storage, read_write> y: array<vec4f>; // [rows, width]
@group(0) @binding(6) var<storage, read> places: array<u32>; // [rows]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= params.rows * params.width) {
    return;
  }
  let row = i / params.width;
  let column = i % params.width;
  var value = params.scale * token[ids[row] * params.width + column];
  if (POSITION) {
    var place = row % params.length;
    if (PLACES) {
      place = places[row];
    }
    value += position[place * params.width + column];
  }
  if (SEGMENT) {
    value += segment[column];
  }
  y[i] = value;
}
