// Dropout's decision for four neighbouring elements: 0 where dropped, 1 / (1 - p) where kept.
// clock holds (seed, step, micro-step); a dropout layer has its own stream, an element its own block and row.
fn keep(block: u32, row: u32, stream: u32, threshold: u32, scale: f32) -> vec4f {
  let draw = philox(vec4u(block, row, clock[1], clock[2]), vec2u(clock[0], stream));
  return select(vec4f(0.0), vec4f(scale), draw >= vec4u(threshold));
}
