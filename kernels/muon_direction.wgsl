// x = gain / (√Σ partials + ε) · direction for each of some matrices, both ways round: their Frobenius norms become `gain`, and so
// their singular values are at most that.
struct Params {
  count: u32, // of matrices
  rows4: u32, // in fours
  side4: u32,
  blocks: u32, // partials of a matrix
  gain: f32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> places: array<vec2u>; // [count] of (first four, whether the matrix is wide)
@group(0) @binding(2) var<storage, read> partials: array<f32>; // [count, blocks] of Σ direction²
@group(0) @binding(3) var<storage, read> direction: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> tall: array<vec4f>; // [count, rows, side]
@group(0) @binding(5) var<storage, read_write> wide: array<vec4f>; // [count, side, rows]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = flat_index(id, groups);
  if (i >= params.count * params.rows4 * params.side4) {
    return;
  }
  let block = block_at(i);
  var total = 0.0;
  for (var part = 0u; part < params.blocks; part++) {
    total += partials[block.matrix * params.blocks + part];
  }
  let factor = params.gain / (sqrt(total) + params.epsilon);
  let rows = mat4x4f(
    factor * direction[block.first],
    factor * direction[block.first + block.width4],
    factor * direction[block.first + 2u * block.width4],
    factor * direction[block.first + 3u * block.width4],
  );
  let columns = transpose(rows);
  let matrix = block.matrix * params.rows4 * params.side4 * 4u;
  let same = matrix + 4u * block.row4 * block.width4 + block.column4;
  let turned = matrix + 4u * block.column4 * block.height4 + block.row4;
  for (var r = 0u; r < 4u; r++) {
    if (block.is_wide) {
      wide[same + r * block.width4] = rows[r];
      tall[turned + r * block.height4] = columns[r];
    } else {
      tall[same + r * block.width4] = rows[r];
      wide[turned + r * block.height4] = columns[r];
    }
  }
}
