// What the attention kernels share. qkv holds queries, keys and values side by side: [batch · length, 3 · heads · HEAD_COLUMNS4]
// vec4. An invocation owns one row (a query, or a key) of one head and walks the other rows in fours, so that nothing of
// size length × length is ever stored (Dao et al., FlashAttention, 2022).
override HEAD_COLUMNS4: u32 = 8u; // headWidth / 4
override DROPOUT: bool = false; // of the attention probabilities
// Several documents in a sequence: each row attends to its own document only. documents holds for each row the first
// position of its document and the end, exclusive.
override DOCUMENTS: bool = false;

struct Params {
  batch: u32,
  length: u32,
  heads: u32,
  scale: f32, // 1 / √(width of a head)
  dropout_threshold: u32,
  dropout_scale: f32,
  dropout_stream: u32,
  window: u32, // how far a row sees to either side
}

struct Place {
  sequence: u32, // first row of the sequence in qkv
  head: u32,
  position: u32,
  item: u32, // (sequence, head, position), flat: index into logsumexp and delta
}

fn locate(item: u32) -> Place {
  let position = item % params.length;
  let head = item / params.length % params.heads;
  let sequence = item / (params.length * params.heads);
  return Place(sequence * params.length, head, position, item);
}

// First vec4 of a head's query (part 0), key (1) or value (2) in qkv.
fn qkv_at(place: Place, position: u32, part: u32) -> u32 {
  return ((place.sequence + min(position, params.length - 1u)) * 3u + part) * params.heads * HEAD_COLUMNS4 + place.head * HEAD_COLUMNS4;
}

fn output_at(place: Place, position: u32) -> u32 {
  return ((place.sequence + min(position, params.length - 1u)) * params.heads + place.head) * HEAD_COLUMNS4;
}

// The first position that a row attends to and the end, exclusive. It is mutual: whom I see sees me.
fn visible_from(place: Place) -> vec2u {
  var bounds = vec2u(0u, params.length);
  if (DOCUMENTS) {
    bounds = documents[place.sequence + place.position];
  }
  let left = place.position - min(place.position, params.window);
  return vec2u(max(bounds.x, left), min(bounds.y, place.position + params.window + 1u));
}

// Which of four neighbouring positions are visible.
fn is_visible(first: u32, visible: vec2u) -> vec4<bool> {
  let positions = vec4u(first, first + 1u, first + 2u, first + 3u);
  return (positions >= vec4u(visible.x)) & (positions < vec4u(visible.y));
}
