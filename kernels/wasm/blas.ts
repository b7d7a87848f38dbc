// A system BLAS, which every thread calls for itself: the host brings it, or what throws where there is none.

/**
 * c [m, n] = scale · A · B, added to what is there if `accumulate`: A is a [m, k], or of a [k, m] the transpose, B b [k, n], or of
 * b [n, k] the transpose. Strides are in floats.
 */
@external("env", "gemm")
export declare function gemm(
  transpose_a: i32, transpose_b: i32, m: i32, n: i32, k: i32, scale: f32,
  a: usize, a_stride: i32, b: usize, b_stride: i32, c: usize, c_stride: i32, accumulate: i32,
): void;
