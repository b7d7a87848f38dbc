// The vectors of a workgroup's rows, held in workgroup memory: [r, vector, y].
var<workgroup> own: array<array<array<vec4f, HEIGHT>, HEAD_COLUMNS4>, 4>;

fn keep_own(at: u32, r: u32, x: u32, y: u32) {
  for (var d = x; d < HEAD_COLUMNS4; d += 8u) {
    own[r][d][y] = qkv[at + d];
  }
}

fn own_vector(at: u32, r: u32, d: u32, y: u32) -> vec4f {
  return own[r][d][y];
}
