// What the blocked attention kernels share. A workgroup of 8 × HEIGHT invocations owns 4 · HEIGHT rows of one head (queries; or
// keys, for their gradient and that of the values) and walks the others, its columns, in blocks of 32 · COLUMNS, from the
// first that any of its rows sees to the last: documents and windows are ranges that only move on.
// Invocation (x, y) makes the scores of rows 4 · y + r and columns 32 · j + 4 · x + c, four of each, and sums vectors x, x + 8, ...
// of its rows' results (after Dao et al., FlashAttention, 2022). The host writes the loops of constant length out.
override HEIGHT: u32 = 8u;
override COLUMNS: u32 = 1u; // fours of columns of an invocation
override TILES: u32 = 1u; // blocks of columns in workgroup memory at once: of keys and values, or of queries and d_output
override PARTS: u32 = 1u; // vectors of a row's result that an invocation sums: HEAD_COLUMNS4 / 8, rounded up
override DEPTH: u32 = 4u; // vectors of rows and columns that are multiplied between two checks of a loop; divides HEAD_COLUMNS4
override LOADS: u32 = 2u; // vectors of a block of columns that an invocation reads at once
const INVOCATIONS = 8u * HEIGHT;
const OWN = 4u * HEIGHT; // rows of a workgroup
const WALKED = 32u * COLUMNS; // columns of a block
const SLOTS = 8u * COLUMNS;
const VECTORS = 4u * COLUMNS * HEAD_COLUMNS4; // of a block of columns, in eights
const STEPS = 2u; // fours of columns whose weights are applied between two checks of a loop
const LOG2_E = 1.44269504;

// Vector d of column 32 · j + 4 · x + c of a block is tiles[.][c][d][(8 · j + x) ^ (d % 8)]: whether eight invocations read one
// vector of neighbouring columns or neighbouring vectors of one column, they read from different banks.
var<workgroup> tiles: array<array<array<array<vec4f, SLOTS>, HEAD_COLUMNS4>, 4>, TILES>;
// What each row gives to 32 columns: [r, x, y].
var<workgroup> weights: array<array<array<vec4f, HEIGHT>, 8>, 4>;

struct Block {
  head: Place, // with the first of the rows
  columns: vec2u, // that any of the rows sees: the first and the end, exclusive
  seen_by_all: vec2u,
}

// The block of a workgroup; behind the last one without rows and columns.
fn locate_block(group: vec3u, groups: vec3u) -> Block {
  let blocks = (params.length + OWN - 1u) / OWN;
  let index = group.x + group.y * groups.x;
  let pair = index / blocks; // of sequence and head
  if (pair >= params.batch * params.heads) {
    return Block(Place(0u, 0u, params.length, 0u), vec2u(0u), vec2u(0u));
  }
  let first = index % blocks * OWN;
  let head = Place(pair / params.heads * params.length, pair % params.heads, first, pair * params.length + first);
  let of_first = visible_from(head);
  let of_last = visible_at(head, first + OWN - 1u);
  return Block(head, vec2u(of_first.x, of_last.y), vec2u(of_last.x, of_first.y));
}

// What the row at a position sees; behind the last row, what that sees.
fn visible_at(head: Place, position: u32) -> vec2u {
  return visible_from(Place(head.sequence, head.head, min(position, params.length - 1u), 0u));
}

fn is_seen_by_all(block: Block, column0: u32) -> bool {
  return column0 >= block.seen_by_all.x && column0 + WALKED <= block.seen_by_all.y;
}

// Of the eight vectors number `at` of a block, that of invocation x: its column.
fn column_of(at: u32, x: u32) -> u32 {
  let row = at / HEAD_COLUMNS4;
  return row / 4u * 32u + 4u * x + row % 4u;
}

fn place_column(tile: u32, at: u32, x: u32, vector: vec4f) {
  if (at < VECTORS) {
    let row = at / HEAD_COLUMNS4;
    let d = at % HEAD_COLUMNS4;
    tiles[tile][row % 4u][d][8u * (row / 4u) + (x ^ (d % 8u))] = vector;
  }
}

// Vector d of four neighbouring columns, transposed: a vector for each of its components.
fn four_columns(tile: u32, d: u32, j: u32, x: u32) -> mat4x4f {
  let slot = 8u * j + (x ^ (d % 8u));
  return transpose(mat4x4f(tiles[tile][0][d][slot], tiles[tile][1][d][slot], tiles[tile][2][d][slot], tiles[tile][3][d][slot]));
}

// Scores of a row and four columns with the products of one vector added.
fn add_products(scores: vec4f, row: vec4f, columns: mat4x4f) -> vec4f {
  var sums = scores;
  sums += row.x * columns[0];
  sums += row.y * columns[1];
  sums += row.z * columns[2];
  sums += row.w * columns[3];
  return sums;
}

// sums[r, p] += Σ weights · columns over 32 columns of a tile.
fn add_weighted(sums: ptr<function, array<vec4f, 4u * PARTS>>, tile: u32, j: u32, x: u32, y: u32) {
  for (var n0 = 0u; n0 < 8u; n0 += STEPS) {
    for (var e = 0u; e < STEPS; e++) {
      let n = n0 + e;
      let given = mat4x4f(weights[0][n][y], weights[1][n][y], weights[2][n][y], weights[3][n][y]);
      for (var p = 0u; p < PARTS; p++) {
        for (var c = 0u; c < 4u; c++) {
          let column = tiles[tile][c][min(8u * p + x, HEAD_COLUMNS4 - 1u)][8u * j + (n ^ x)];
          for (var r = 0u; r < 4u; r++) {
            (*sums)[r * PARTS + p] += given[r][c] * column;
          }
        }
      }
    }
  }
}

// Σ over the eight invocations that share four rows. Uniform control flow only: it holds barriers.
fn sum_over_x(values: vec4f, x: u32, y: u32) -> vec4f {
  weights[0][x][y] = values;
  workgroupBarrier();
  var all = weights[0][0][y];
  for (var n = 1u; n < 8u; n++) {
    all += weights[0][n][y];
  }
  workgroupBarrier();
  return all;
}
