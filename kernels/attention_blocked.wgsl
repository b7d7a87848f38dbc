// output = softmax(scale · Q Kᵀ) V with running maxima m and sums l (online softmax), and logsumexp = m + log l for the backward
// pass. A workgroup owns queries and walks the keys: attention_blocks.wgsl.
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> qkv: array<vec4f>; // [batch · length, 3, heads, HEAD_COLUMNS4]
@group(0) @binding(2) var<storage, read> clock: array<u32>;
@group(0) @binding(3) var<storage, read_write> output: array<vec4f>; // [batch · length, heads, HEAD_COLUMNS4]
@group(0) @binding(4) var<storage, read_write> logsumexp: array<f32>; // [batch, heads, length]
@group(0) @binding(5) var<storage, read> documents: array<vec2u>; // [batch · length]: see attention_common

// A block of keys (part 1) or values (2).
fn load_columns(head: Place, key0: u32, part: u32, x: u32, y: u32) {
  for (var first = y; first < VECTORS; first += LOADS * HEIGHT) {
    var loaded = array<vec4f, LOADS>();
    for (var i = 0u; i < LOADS; i++) {
      let at = first + HEIGHT * i;
      loaded[i] = qkv[qkv_at(head, key0 + column_of(at, x), part) + at % HEAD_COLUMNS4];
    }
    for (var i = 0u; i < LOADS; i++) {
      place_column(0u, first + HEIGHT * i, x, loaded[i]);
    }
  }
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
  for (var r = 0u; r < 4u; r++) {
    query_at[r] = qkv_at(head, position + r, 0u);
    keep_own(query_at[r], r, x, y);
  }
  let exponent = params.scale * LOG2_E;
  var sums: array<vec4f, 4u * PARTS>; // [r, PARTS]
  var maximum = vec4f(-1.0e38); // above what is not visible
  var total = vec4f(0.0);
  for (var key0 = block.columns.x / WALKED * WALKED; key0 < block.columns.y; key0 += WALKED) {
    load_columns(head, key0, 1u, x, y);
    workgroupBarrier();
    // with an initialiser, as all in loops: naga may not clear a variable anew each time round (gfx-rs/wgpu#9489)
    var scores = array<vec4f, 4u * COLUMNS>(); // [r, COLUMNS]
    for (var d0 = 0u; d0 < HEAD_COLUMNS4; d0 += DEPTH) {
      for (var e = 0u; e < DEPTH; e++) {
        for (var j = 0u; j < COLUMNS; j++) {
          let keys = four_columns(0u, d0 + e, j, x);
          for (var r = 0u; r < 4u; r++) {
            let query = own_vector(query_at[r], r, d0 + e, y);
            scores[r * COLUMNS + j] = add_products(scores[r * COLUMNS + j], query, keys);
          }
        }
      }
    }
    if (!is_seen_by_all(block, key0)) {
      for (var r = 0u; r < 4u; r++) {
        let visible = visible_at(head, position + r);
        for (var j = 0u; j < COLUMNS; j++) {
          let inside = is_visible(key0 + 32u * j + 4u * x, visible);
          scores[r * COLUMNS + j] = select(vec4f(-3.0e38), scores[r * COLUMNS + j], inside);
        }
      }
    }
    var higher = maximum;
    for (var j = 0u; j < COLUMNS; j++) {
      for (var r = 0u; r < 4u; r++) {
        let four = scores[r * COLUMNS + j];
        higher[r] = max(higher[r], max(max(four.x, four.y), max(four.z, four.w)));
      }
    }
    weights[0][x][y] = higher;
    workgroupBarrier();
    for (var n = 0u; n < 8u; n++) {
      higher = max(higher, weights[0][n][y]);
    }
    let rescale = exp2((maximum - higher) * exponent);
    maximum = higher;
    total *= rescale;
    for (var r = 0u; r < 4u; r++) {
      for (var j = 0u; j < COLUMNS; j++) {
        let p = exp2((scores[r * COLUMNS + j] - maximum[r]) * exponent);
        total[r] += p.x + p.y + p.z + p.w;
        scores[r * COLUMNS + j] = p;
      }
      for (var p = 0u; p < PARTS; p++) {
        sums[r * PARTS + p] *= rescale[r];
      }
    }
    load_columns(head, key0, 2u, x, y);
    for (var j = 0u; j < COLUMNS; j++) {
      workgroupBarrier();
      for (var r = 0u; r < 4u; r++) {
        var p = scores[r * COLUMNS + j];
        if (DROPOUT) {
          let four = key0 / 4u + 8u * j + x;
          p *= keep(four, item + r, params.dropout_stream, params.dropout_threshold, params.dropout_scale);
        }
        weights[r][x][y] = p;
      }
      workgroupBarrier();
      add_weighted(&sums, 0u, j, x, y);
    }
    workgroupBarrier();
  }
  let all = sum_over_x(total, x, y);
  for (var r = 0u; r < 4u; r++) {
    if (position + r < params.length) {
      for (var p = 0u; p < PARTS; p++) {
        if (8u * p + x < HEAD_COLUMNS4) {
          output[output_at(head, position + r) + 8u * p + x] = sums[r * PARTS + p] / all[r];
        }
      }
      if (x == r) {
        logsumexp[item + r] = params.scale * maximum[r] + log(all[r]);
      }
    }
  }
}
