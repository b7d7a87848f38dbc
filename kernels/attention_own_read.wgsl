// The vectors of a workgroup's rows, read from memory anew for each block of columns: where workgroup memory is scarce.
fn keep_own(at: u32, r: u32, x: u32, y: u32) {}

fn own_vector(at: u32, r: u32, d: u32, y: u32) -> vec4f {
  return qkv[at + d];
}
