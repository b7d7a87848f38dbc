// Gradients of keys and values: with p and d_s as in attention_backward_query,
//   d_k = scale · Σ_query d_s · q,   d_v = Σ_query p · d_output.
// Overwrites the key and value parts of d_qkv. One invocation a key; queries in blocks of four. The key and value
// themselves are read anew for each block: with them in registers as well, wide heads would spill.
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> qkv: array<vec4f>; // [batch · length, 3, heads, HEAD_COLUMNS4]
@group(0) @binding(2) var<storage, read> clock: array<u32>;
@group(0) @binding(3) var<storage, read> logsumexp: array<f32>; // [batch, heads, length]
@group(0) @binding(4) var<storage, read> delta: array<f32>; // [batch, heads, length]
@group(0) @binding(5) var<storage, read> d_output: array<vec4f>; // [batch · length, heads, HEAD_COLUMNS4]
@group(0) @binding(6) var<storage, read_write> d_qkv: array<vec4f>; // [batch · length, 3, heads, HEAD_COLUMNS4]

@group(0) @binding(7) var<storage, read> documents: array<vec2u>; // [batch · length]: see attention_common

// Dropout's factor for one query and this key: the forward pass drew it by query, for four keys at a time.
fn keep_one(query_item: u32, key: u32) -> f32 {
  return keep(key / 4u, query_item, params.dropout_stream, params.dropout_threshold, params.dropout_scale)[key % 4u];
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let item = flat_index(id, groups);
  if (item >= params.batch * params.heads * params.length) {
    return;
  }
  let place = locate(item);
  let first_item = item - place.position;
  let key_at = qkv_at(place, place.position, 1u);
  let value_at = qkv_at(place, place.position, 2u);
  var d_key: array<vec4f, HEAD_COLUMNS4>;
  var d_value: array<vec4f, HEAD_COLUMNS4>;
  for (var d = 0u; d < HEAD_COLUMNS4; d++) {
    d_key[d] = vec4f(0.0);
    d_value[d] = vec4f(0.0);
  }
  let visible = visible_from(place);
  for (var query = visible.x & ~3u; query < visible.y; query += 4u) {
    let at = vec4u(
      qkv_at(place, query, 0u), qkv_at(place, query + 1u, 0u),
      qkv_at(place, query + 2u, 0u), qkv_at(place, query + 3u, 0u),
    );
    let out_at = vec4u(
      output_at(place, query), output_at(place, query + 1u), output_at(place, query + 2u), output_at(place, query + 3u),
    );
    var scores = vec4f(0.0);
    var d_p = vec4f(0.0);
    for (var d = 0u; d < HEAD_COLUMNS4; d++) {
      let k = params.scale * qkv[key_at + d];
      let v = qkv[value_at + d];
      scores += vec4f(
        dot(k, qkv[at.x + d]), dot(k, qkv[at.y + d]), dot(k, qkv[at.z + d]), dot(k, qkv[at.w + d]),
      );
      d_p += vec4f(
        dot(v, d_output[out_at.x + d]), dot(v, d_output[out_at.y + d]),
        dot(v, d_output[out_at.z + d]), dot(v, d_output[out_at.w + d]),
      );
    }
    let inside = is_visible(query, visible);
    let items = first_item + min(vec4u(query, query + 1u, query + 2u, query + 3u), vec4u(params.length - 1u));
    let logs = vec4f(logsumexp[items.x], logsumexp[items.y], logsumexp[items.z], logsumexp[items.w]);
    let deltas = vec4f(delta[items.x], delta[items.y], delta[items.z], delta[items.w]);
    let p = select(vec4f(0.0), exp(min(scores - logs, vec4f(0.0))), inside);
    var kept = vec4f(1.0);
    if (DROPOUT) {
      kept = vec4f(
        keep_one(items.x, place.position), keep_one(items.y, place.position),
        keep_one(items.z, place.position), keep_one(items.w, place.position),
      );
    }
    let d_s = p * (kept * d_p - deltas) * params.scale;
    let weights = p * kept;
    for (var d = 0u; d < HEAD_COLUMNS4; d++) {
      d_key[d] += d_s.x * qkv[at.x + d] + d_s.y * qkv[at.y + d] + d_s.z * qkv[at.z + d] + d_s.w * qkv[at.w + d];
      d_value[d] += weights.x * d_output[out_at.x + d] + weights.y * d_output[out_at.y + d]
        + weights.z * d_output[out_at.z + d] + weights.w * d_output[out_at.w + d];
    }
  }
  for (var d = 0u; d < HEAD_COLUMNS4; d++) {
    d_qkv[key_at + d] = d_key[d];
    d_qkv[value_at + d] = d_value[d];
  }
}
