// Gradients of keys and values: with p and d_s as in attention_backward_query_blocked,
//   d_k = scale · Σ_query d_s · q,   d_v = Σ_query p · d_output.
// Overwrites the key and value parts of d_qkv. A workgroup owns keys and walks the queries: attention_blocks.wgsl.
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> qkv: array<vec4f>; // [batch · length, 3, heads, HEAD_COLUMNS4]
@group(0) @binding(2) var<storage, read> clock: array<u32>;
@group(0) @binding(3) var<storage, read> logsumexp: array<f32>; // [batch, heads, length]
@group(0) @binding(4) var<storage, read> delta: array<f32>; // [batch, heads, length]
@group(0) @binding(5) var<storage, read> d_output: array<vec4f>; // [batch · length, heads, HEAD_COLUMNS4]
@group(0) @binding(6) var<storage, read_write> d_qkv: array<vec4f>; // [batch · length, 3, heads, HEAD_COLUMNS4]
@group(0) @binding(7) var<storage, read> documents: array<vec2u>; // [batch · length]: see attention_common

// A block of queries, and of d_output where there is room for two.
fn load_columns(head: Place, query0: u32, x: u32, y: u32) {
  for (var t = 0u; t < TILES; t++) {
    for (var first = y; first < VECTORS; first += LOADS * HEIGHT) {
      var loaded = array<vec4f, LOADS>();
      for (var i = 0u; i < LOADS; i++) {
        let query = query0 + column_of(first + HEIGHT * i, x);
        let d = (first + HEIGHT * i) % HEAD_COLUMNS4;
        if (t == 0u) {
          loaded[i] = qkv[qkv_at(head, query, 0u) + d];
        } else {
          loaded[i] = d_output[output_at(head, query) + d];
        }
      }
      for (var i = 0u; i < LOADS; i++) {
        place_column(t, first + HEIGHT * i, x, loaded[i]);
      }
    }
  }
}

// Vector d of d_output of four neighbouring queries, transposed.
fn four_outputs(head: Place, query0: u32, d: u32, j: u32, x: u32) -> mat4x4f {
  if (TILES == 2u) {
    return four_columns(TILES - 1u, d, j, x);
  }
  let query = query0 + 32u * j + 4u * x;
  return transpose(mat4x4f(
    d_output[output_at(head, query) + d], d_output[output_at(head, query + 1u) + d],
    d_output[output_at(head, query + 2u) + d], d_output[output_at(head, query + 3u) + d],
  ));
}

// sums[r, p] += Σ weights · d_output over 32 queries.
fn add_weighted_outputs(
  sums: ptr<function, array<vec4f, 4u * PARTS>>, head: Place, query0: u32, j: u32, x: u32, y: u32,
) {
  if (TILES == 2u) {
    add_weighted(sums, TILES - 1u, j, x, y);
    return;
  }
  for (var n = 0u; n < 8u; n++) {
    let given = mat4x4f(weights[0][n][y], weights[1][n][y], weights[2][n][y], weights[3][n][y]);
    for (var p = 0u; p < PARTS; p++) {
      for (var c = 0u; c < 4u; c++) {
        let at = output_at(head, query0 + 32u * j + 4u * n + c) + min(8u * p + x, HEAD_COLUMNS4 - 1u);
        for (var r = 0u; r < 4u; r++) {
          (*sums)[r * PARTS + p] += given[r][c] * d_output[at];
        }
      }
    }
  }
}

// Dropout's factors: for each of four keys those of four queries. The forward pass drew them by query, four keys at a time.
fn kept_keys(four: u32, items: vec4u) -> mat4x4f {
  if (!DROPOUT) {
    return mat4x4f(vec4f(1.0), vec4f(1.0), vec4f(1.0), vec4f(1.0));
  }
  return transpose(mat4x4f(
    keep(four, items.x, params.dropout_stream, params.dropout_threshold, params.dropout_scale),
    keep(four, items.y, params.dropout_stream, params.dropout_threshold, params.dropout_scale),
    keep(four, items.z, params.dropout_stream, params.dropout_threshold, params.dropout_scale),
    keep(four, items.w, params.dropout_stream, params.dropout_threshold, params.dropout_scale),
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
  let first_item = head.item - head.position;
  let value_offset = params.heads * HEAD_COLUMNS4; // behind its key
  var key_at: array<u32, 4>;
  for (var r = 0u; r < 4u; r++) {
    key_at[r] = qkv_at(head, position + r, 1u);
  }
  var d_key: array<vec4f, 4u * PARTS>; // [r, PARTS]
  var d_value: array<vec4f, 4u * PARTS>;
  for (var query0 = block.columns.x / WALKED * WALKED; query0 < block.columns.y; query0 += WALKED) {
    load_columns(head, query0, x, y);
    workgroupBarrier();
    var scores = array<vec4f, 4u * COLUMNS>(); // [r, COLUMNS]
    for (var d0 = 0u; d0 < HEAD_COLUMNS4; d0 += DEPTH) {
      for (var e = 0u; e < DEPTH; e++) {
        for (var j = 0u; j < COLUMNS; j++) {
          let queries = four_columns(0u, d0 + e, j, x);
          for (var r = 0u; r < 4u; r++) {
            scores[r * COLUMNS + j] = add_products(scores[r * COLUMNS + j], qkv[key_at[r] + d0 + e], queries);
          }
        }
      }
    }
    var d_p = array<vec4f, 4u * COLUMNS>();
    for (var d0 = 0u; d0 < HEAD_COLUMNS4; d0 += DEPTH) {
      for (var e = 0u; e < DEPTH; e++) {
        for (var j = 0u; j < COLUMNS; j++) {
          let outputs = four_outputs(head, query0, d0 + e, j, x);
          for (var r = 0u; r < 4u; r++) {
            d_p[r * COLUMNS + j] = add_products(d_p[r * COLUMNS + j], qkv[key_at[r] + value_offset + d0 + e], outputs);
          }
        }
      }
    }
    let all_seen = is_seen_by_all(block, query0);
    for (var j = 0u; j < COLUMNS; j++) {
      let query = query0 + 32u * j + 4u * x;
      let items = first_item + min(vec4u(query, query + 1u, query + 2u, query + 3u), vec4u(params.length - 1u));
      let logs = LOG2_E * vec4f(logsumexp[items.x], logsumexp[items.y], logsumexp[items.z], logsumexp[items.w]);
      let deltas = vec4f(delta[items.x], delta[items.y], delta[items.z], delta[items.w]);
      let kept = kept_keys(position / 4u, items);
      for (var r = 0u; r < 4u; r++) {
        var p = exp2(min(scores[r * COLUMNS + j] * (params.scale * LOG2_E) - logs, vec4f(0.0)));
        if (!all_seen) {
          p = select(vec4f(0.0), p, is_visible(query, visible_at(head, position + r)));
        }
        scores[r * COLUMNS + j] = p * kept[r];
        d_p[r * COLUMNS + j] = p * (kept[r] * d_p[r * COLUMNS + j] - deltas) * params.scale;
      }
    }
    for (var j = 0u; j < COLUMNS; j++) {
      for (var r = 0u; r < 4u; r++) {
        weights[r][x][y] = scores[r * COLUMNS + j];
      }
      workgroupBarrier();
      add_weighted_outputs(&d_value, head, query0, j, x, y);
      workgroupBarrier();
      for (var r = 0u; r < 4u; r++) {
        weights[r][x][y] = d_p[r * COLUMNS + j];
      }
      workgroupBarrier();
      add_weighted(&d_key, 0u, j, x, y);
      workgroupBarrier();
    }
  }
  for (var r = 0u; r < 4u; r++) {
    for (var p = 0u; p < PARTS; p++) {
      if (position + r < params.length && 8u * p + x < HEAD_COLUMNS4) {
        d_qkv[key_at[r] + 8u * p + x] = d_key[r * PARTS + p];
        d_qkv[key_at[r] + value_offset + 8u * p + x] = d_value[r * PARTS + p];
      }
    }
  }
}
