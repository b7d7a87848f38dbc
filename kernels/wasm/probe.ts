// The elementary functions on arrays, so that tests can measure their errors.
import { erf, exp, gelu, gelu_derivative } from "./math";

export function exp4(x: usize, y: usize, count: i32): void {
  for (let i: usize = 0; i < <usize>count << 2; i += 16) v128.store(y + i, exp(v128.load(x + i)));
}

export function erf4(x: usize, y: usize, count: i32): void {
  for (let i: usize = 0; i < <usize>count << 2; i += 16) v128.store(y + i, erf(v128.load(x + i)));
}

export function gelu4(x: usize, y: usize, count: i32): void {
  for (let i: usize = 0; i < <usize>count << 2; i += 16) v128.store(y + i, gelu(v128.load(x + i)));
}

export function gelu_derivative4(x: usize, y: usize, count: i32): void {
  for (let i: usize = 0; i < <usize>count << 2; i += 16) v128.store(y + i, gelu_derivative(v128.load(x + i)));
}
