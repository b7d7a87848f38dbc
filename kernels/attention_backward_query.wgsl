// Gradient of the queries, and delta, which the keys' gradient needs as well:
//   delta = Σ d_output · output,  p = exp(scale · q·k - logsumexp),
//   d_p = d_output · v,  d_s = p · (d_p - delta),  d_q = scale · Σ_key d_s · k.
// Overwrites the query part of d_qkv. One invocation a query; keys in blocks of four.
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> qkv: array<vec4f>; // [batch · length, 3, heads, HEAD_COLUMNS4]
@group(0) @binding(2) var<storage, read> clock: array<u32>;
@group(0) @binding(3) var<storage, read> output: array<vec4f>; // [batch · length, heads, HEAD_COLUMNS4]
@group(0) @binding(4) var<storage, read> logsumexp: array<f32>; // [batch, heads, length]
@group(0) @binding(5) var<storage, read> d_output: array<vec4f>; // [batch · length, heads, HEAD_COLUMNS4]
@group(0) @binding(6) var<storage, read_write> delta: array<f32>; // [batch, heads, length]
@group(0) @binding(7) var<storage, read_write> d_qkv: array<vec4f>; // [batch · length, 3, heads, HEAD_COLUMNS4]

@group(0) @binding(8) var<storage, read> documents: array<vec2u>; // [batch · length]: see attention_common

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let item = flat_index(id, groups);
  if (item >= params.batch * params.heads * params.length) {
    return;
  }
  let place = locate(item);
  let query_at = qkv_at(place, place.position, 0u);
  let output_from = output_at(place, place.position);
  var query: array<vec4f, HEAD_COLUMNS4>;
  var d_out: array<vec4f, HEAD_COLUMNS4>;
  var d_query: array<vec4f, HEAD_COLUMNS4>;
  var own_delta = 0.0;
  for (var d = 0u; d < HEAD_COLUMNS4; d++) {
    query[d] = params.scale * qkv[query_at + d];
    d_out[d] = d_output[output_from + d];
    own_delta += dot(d_out[d], output[output_from + d]);
    d_query[d] = vec4f(0.0);
  }
  // equals Σ_key p · d_p, what the sum in the softmax takes from each d_p
  delta[item] = own_delta;
  let own_logsumexp = logsumexp[item];
  let visible = visible_from(place);
  for (var key = visible.x & ~3u; key < visible.y; key += 4u) {
    let at = vec4u(
      qkv_at(place, key, 1u), qkv_at(place, key + 1u, 1u), qkv_at(place, key + 2u, 1u), qkv_at(place, key + 3u, 1u),
    );
    let value = at + vec4u(params.heads * HEAD_COLUMNS4);
    var scores = vec4f(0.0);
    var d_p = vec4f(0.0);
    for (var d = 0u; d < HEAD_COLUMNS4; d++) {
      scores += vec4f(
        dot(query[d], qkv[at.x + d]), dot(query[d], qkv[at.y + d]),
        dot(query[d], qkv[at.z + d]), dot(query[d], qkv[at.w + d]),
      );
      d_p += vec4f(
        dot(d_out[d], qkv[value.x + d]), dot(d_out[d], qkv[value.y + d]),
        dot(d_out[d], qkv[value.z + d]), dot(d_out[d], qkv[value.w + d]),
      );
    }
    let inside = is_visible(key, visible);
    let p = select(vec4f(0.0), exp(min(scores - own_logsumexp, vec4f(0.0))), inside);
    if (DROPOUT) {
      d_p *= keep(key / 4u, item, params.dropout_stream, params.dropout_threshold, params.dropout_scale);
    }
    let d_s = p * (d_p - own_delta) * params.scale;
    for (var d = 0u; d < HEAD_COLUMNS4; d++) {
      d_query[d] += d_s.x * qkv[at.x + d] + d_s.y * qkv[at.y + d] + d_s.z * qkv[at.z + d] + d_s.w * qkv[at.w + d];
    }
  }
  for (var d = 0u; d < HEAD_COLUMNS4; d++) {
    d_qkv[query_at + d] = d_query[d];
  }
}
