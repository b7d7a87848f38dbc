// Matrices that lie anywhere in flat memory, [rows, side] or, if wide, [side, rows], cut into blocks of four rows and columns.
struct Block {
  matrix: u32,
  width4: u32, // of the matrix where it lies, in fours
  height4: u32,
  row4: u32,
  column4: u32,
  first: u32, // four of the block's first row where the matrix lies
  is_wide: bool,
}

// Block `i` of four rows and columns among those of all matrices.
fn block_at(i: u32) -> Block {
  let blocks = params.rows4 * params.side4;
  let place = places[i / blocks];
  let is_wide = place.y == 1u;
  let width4 = select(params.side4, params.rows4, is_wide);
  let row4 = i % blocks / width4;
  let column4 = i % blocks % width4;
  let first = place.x + 4u * row4 * width4 + column4;
  return Block(i / blocks, width4, blocks / width4, row4, column4, first, is_wide);
}
