// d_token[t] += scale · Σ d_y[row] over the rows that hold token t. Always accumulates: a tied decoder adds to it too.
// Serves positions as well, where rows are grouped by position. Rows come grouped by token, so each token has one writer and no atomics are needed:
// rows order[starts[u] .. starts[u + 1]] hold token unique[u]; unused u have starts[u] = starts[u + 1].
// A workgroup a token, 8 invocations a vector: a token like [MASK] is in a large part of all rows.
const LANES = 8u;
const COLUMNS = 32u; // vectors at once
const AHEAD = 4u; // rows that an invocation reads at once

struct Params {
  rows: u32, // also the capacity of unique
  columns4: u32, // of a row, in fours
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> unique: array<u32>; // [rows]
@group(0) @binding(2) var<storage, read> starts: array<u32>; // [rows + 1]
@group(0) @binding(3) var<storage, read> order: array<u32>; // [rows]
@group(0) @binding(4) var<storage, read> d_y: array<vec4f>; // [rows, width]
@group(0) @binding(5) var<storage, read_write> d_token: array<vec4f>; // [vocab, width]

var<workgroup> lane_sums: array<array<vec4f, COLUMNS>, LANES>;

@compute @workgroup_size(256)
fn main(
  @builtin(local_invocation_index) local: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let token = min(group.x + group.y * groups.x, params.rows - 1u);
  let lane = local / COLUMNS;
  let is_spare = group.x + group.y * groups.x >= params.rows;
  let begin = starts[token];
  let end = select(starts[token + 1u], begin, is_spare);
  if (begin == end) {
    return;
  }
  for (var column0 = 0u; column0 < params.columns4; column0 += COLUMNS) {
    let column = column0 + local % COLUMNS;
    var sum = vec4f(0.0);
    if (column < params.columns4) {
      for (var at = begin + lane; at < end; at += AHEAD * LANES) {
        var ahead = array<vec4f, AHEAD>();
        for (var k = 0u; k < AHEAD; k++) {
          let next = at + k * LANES;
          ahead[k] = select(vec4f(0.0), d_y[order[min(next, end - 1u)] * params.columns4 + column], next < end);
        }
        for (var k = 0u; k < AHEAD; k++) {
          sum += ahead[k];
        }
      }
    }
    lane_sums[lane][local % COLUMNS] = sum;
    workgroupBarrier();
    if (lane == 0u && column < params.columns4) {
      for (var other = 1u; other < LANES; other++) {
        sum += lane_sums[other][local];
      }
      d_token[unique[token] * params.columns4 + column] += params.scale * sum;
    }
    workgroupBarrier();
  }
}
