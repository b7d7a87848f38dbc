// Attention with a running maximum m and sum l (online softmax); logsumexp is for the backward pass:
//   output = softmax(scale · Q Kᵀ) V,  logsumexp = m + log l.
// One invocation a query; keys in blocks of four.
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> qkv: array<vec4f>; // [batch · length, 3, heads, HEAD_COLUMNS4]
@group(0) @binding(2) var<storage, read> clock: array<u32>;
@group(0) @binding(3) var<storage, read_write> output: array<vec4f>; // [batch · length, heads, HEAD_COLUMNS4]
@group(0) @binding(4) var<storage, read_write> logsumexp: array<f32>; // [batch, heads, length]

@group(0) @binding(5) var<storage, read> documents: array<vec2u>; // [batch · length]: see attention_common

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let item = flat_index(id, groups);
  if (item >= params.batch * params.heads * params.length) {
    return;
  }
  let place = locate(item);
  let query_at = qkv_at(place, place.position, 0u);
  var query: array<vec4f, HEAD_COLUMNS4>;
  var sums: array<vec4f, HEAD_COLUMNS4>;
  for (var d = 0u; d < HEAD_COLUMNS4; d++) {
    query[d] = params.scale * qkv[query_at + d];
    sums[d] = vec4f(0.0);
  }
  var maximum = -3.0e38;
  var total = 0.0;
  let visible = visible_from(place);
  for (var key = visible.x & ~3u; key < visible.y; key += 4u) {
    let at = vec4u(
      qkv_at(place, key, 1u), qkv_at(place, key + 1u, 1u), qkv_at(place, key + 2u, 1u), qkv_at(place, key + 3u, 1u),
    );
    var scores = vec4f(0.0);
    for (var d = 0u; d < HEAD_COLUMNS4; d++) {
      scores += vec4f(
        dot(query[d], qkv[at.x + d]), dot(query[d], qkv[at.y + d]),
        dot(query[d], qkv[at.z + d]), dot(query[d], qkv[at.w + d]),
      );
    }
    let inside = is_visible(key, visible);
    scores = select(vec4f(-3.0e38), scores, inside);
    let higher = max(maximum, max(max(scores.x, scores.y), max(scores.z, scores.w)));
    // what was summed with a lower maximum is too large by this factor
    let rescale = exp(maximum - higher);
    var p = select(vec4f(0.0), exp(scores - higher), inside);
    maximum = higher;
    total = total * rescale + dot(p, vec4f(1.0));
    if (DROPOUT) {
      p *= keep(key / 4u, item, params.dropout_stream, params.dropout_threshold, params.dropout_scale);
    }
    let value = at + vec4u(params.heads * HEAD_COLUMNS4);
    for (var d = 0u; d < HEAD_COLUMNS4; d++) {
      sums[d] = sums[d] * rescale + p.x * qkv[value.x + d] + p.y * qkv[value.y + d] + p.z * qkv[value.z + d]
        + p.w * qkv[value.w + d];
    }
  }
  let output_from = output_at(place, place.position);
  for (var d = 0u; d < HEAD_COLUMNS4; d++) {
    output[output_from + d] = sums[d] / total;
  }
  logsumexp[item] = maximum + log(total);
}
