// Gradient of the queries, and delta = Σ d_output · output, which the keys' gradient needs as well. With
// p = exp(scale · q·k - logsumexp):  d_p = d_output · v,  d_s = p · (d_p - delta),  d_q = scale · Σ_key d_s · k.
// Overwrites the query part of d_qkv. A workgroup owns queries and walks the keys: attention_blocks.wgsl.
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> qkv: array<vec4f>; // [batch · length, 3, heads, HEAD_COLUMNS4]
@group(0) @binding(2) var<storage, read> clock: array<u32>;
@group(0) @binding(3) var<storage, read> output: array<vec4f>; // [batch · length, heads, HEAD_COLUMNS4]
@group(0) @binding(4) var<storage, read> logsumexp: array<f32>; // [batch, heads, length]
@group(0) @binding(5) var<storage, read> d_output: array<vec4f>; // [batch · length, heads, HEAD_COLUMNS4]
@group(0) @binding(6) var<storage, read_write> delta: array<f32>; // [batch, heads, length]
@group(0) @binding(7) var<storage, read_write> d_qkv: array<vec4f>; // [batch · length, 3, heads, HEAD_COLUMNS4]
@group(0) @binding(8) var<storage, read> documents: array<vec2u>; // [batch · length]: see attention_common

// A block of keys, and of values where there is room for two.
fn load_columns(head: Place, key0: u32, x: u32, y: u32) {
  for (var t = 0u; t < TILES; t++) {
    for (var first = y; first < VECTORS; first += LOADS * HEIGHT) {
      var loaded = array<vec4f, LOADS>();
      for (var i = 0u; i < LOADS; i++) {
        let at = first + HEIGHT * i;
        loaded[i] = qkv[qkv_at(head, key0 + column_of(at, x), 1u + t) + at % HEAD_COLUMNS4];
      }
      for (var i = 0u; i < LOADS; i++) {
        place_column(t, first + HEIGHT * i, x, loaded[i]);
      }
    }
  }
}

// Vector d of four neighbouring values, transposed.
fn four_values(head: Place, key0: u32, d: u32, j: u32, x: u32) -> mat4x4f {
  if (TILES == 2u) {
    return four_columns(TILES - 1u, d, j, x);
  }
  let key = key0 + 32u * j + 4u * x;
  return transpose(mat4x4f(
    qkv[qkv_at(head, key, 2u) + d], qkv[qkv_at(head, key + 1u, 2u) + d],
    qkv[qkv_at(head, key + 2u, 2u) + d], qkv[qkv_at(head, key + 3u, 2u) + d],
  ));
}

@compute @workgroup_size(INVOCATIONS)
fn main(
  @builtin(local_invocation_index) local: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let x = local % 8u;
  let y = local / 8u;
  let block = locate_block(group, groups);
  let head = block.head;
  let position = head.position + 4u * y; // of its first row
  let item = head.item + 4u * y;
  var query_at: array<u32, 4>;
  var out_at: array<u32, 4>;
  var logs: vec4f;
  var deltas = vec4f(0.0);
  for (var r = 0u; r < 4u; r++) {
    query_at[r] = qkv_at(head, position + r, 0u);
    out_at[r] = output_at(head, position + r);
    logs[r] = LOG2_E * logsumexp[head.item - head.position + min(position + r, params.length - 1u)];
    for (var d = x; d < HEAD_COLUMNS4; d += 8u) {
      deltas[r] += dot(d_output[out_at[r] + d], output[out_at[r] + d]);
    }
  }
  deltas = sum_over_x(deltas, x, y);
  for (var r = 0u; r < 4u; r++) {
    if (x == r && position + r < params.length) {
      delta[item + r] = deltas[r];
    }
  }
  var d_query: array<vec4f, 4u * PARTS>; // [r, PARTS]
  for (var key0 = block.columns.x / WALKED * WALKED; key0 < block.columns.y; key0 += WALKED) {
    load_columns(head, key0, x, y);
    workgroupBarrier();
    var scores = array<vec4f, 4u * COLUMNS>(); // [r, COLUMNS]
    for (var d0 = 0u; d0 < HEAD_COLUMNS4; d0 += DEPTH) {
      for (var e = 0u; e < DEPTH; e++) {
        for (var j = 0u; j < COLUMNS; j++) {
          let keys = four_columns(0u, d0 + e, j, x);
          for (var r = 0u; r < 4u; r++) {
            scores[r * COLUMNS + j] = add_products(scores[r * COLUMNS + j], qkv[query_at[r] + d0 + e], keys);
          }
        }
      }
    }
    var d_p = array<vec4f, 4u * COLUMNS>();
    for (var d0 = 0u; d0 < HEAD_COLUMNS4; d0 += DEPTH) {
      for (var e = 0u; e < DEPTH; e++) {
        for (var j = 0u; j < COLUMNS; j++) {
          let values = four_values(head, key0, d0 + e, j, x);
          for (var r = 0u; r < 4u; r++) {
            d_p[r * COLUMNS + j] = add_products(d_p[r * COLUMNS + j], d_output[out_at[r] + d0 + e], values);
          }
        }
      }
    }
    let all_seen = is_seen_by_all(block, key0);
    for (var r = 0u; r < 4u; r++) {
      for (var j = 0u; j < COLUMNS; j++) {
        let key = key0 + 32u * j + 4u * x;
        var p = exp2(min(scores[r * COLUMNS + j] * (params.scale * LOG2_E) - logs[r], vec4f(0.0)));
        if (!all_seen) {
          p = select(vec4f(0.0), p, is_visible(key, visible_at(head, position + r)));
        }
        var d_kept = d_p[r * COLUMNS + j];
        if (DROPOUT) {
          d_kept *= keep(key / 4u, item + r, params.dropout_stream, params.dropout_threshold, params.dropout_scale);
        }
        d_p[r * COLUMNS + j] = p * (d_kept - deltas[r]) * params.scale;
      }
    }
    for (var j = 0u; j < COLUMNS; j++) {
      for (var r = 0u; r < 4u; r++) {
        weights[r][x][y] = d_p[r * COLUMNS + j];
      }
      workgroupBarrier();
      add_weighted(&d_query, 0u, j, x, y);
      workgroupBarrier();
    }
  }
  for (var r = 0u; r < 4u; r++) {
    for (var p = 0u; p < PARTS; p++) {
      if (position + r < params.length && 8u * p + x < HEAD_COLUMNS4) {
        d_qkv[query_at[r] + 8u * p + x] = d_query[r * PARTS + p];
      }
    }
  }
}
