// A workgroup is a row of invocations, 64 unless a kernel says otherwise: whole subgroups on every GPU, few enough for any.
const WORKGROUP_SIZE: u32 = 64u;

// Number of an invocation among all. Long grids are folded: what does not fit along x goes on along y.
fn flat_index(id: vec3u, groups: vec3u) -> u32 {
  return id.x + id.y * groups.x * WORKGROUP_SIZE;
}
