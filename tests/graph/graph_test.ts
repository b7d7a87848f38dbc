import { assert, assertEquals, assertThrows } from "@std/assert";
import type { DataType, KernelCall, OpCall, Parameter, Tensor } from "../../lib/tensor/tensor.ts";
import { Graph } from "../../lib/graph/graph.ts";
import { ParameterStore } from "../../lib/optimizer/parameter_store.ts";
import { planMemory } from "../../lib/graph/plan.ts";
import { kindTest } from "../helpers/devices.ts";
import { random } from "../helpers/random.ts";

const tensor = (name: string, size: number): Tensor => ({ name, shape: [size], dtype: "f32", size });
const call = (...tensors: Tensor[]): KernelCall => ({
  kernel: "any",
  tensors: Object.fromEntries(tensors.map((tensor) => [tensor.name, tensor])),
  params: {},
  constants: {},
  grid: [1, 1, 1],
});

Deno.test("planMemory() lets tensors share memory that are never alive together", () => {
  const [a, b, c, d] = [tensor("a", 100), tensor("b", 80), tensor("c", 60), tensor("d", 50)] as const;
  const { arenas, arenaOf } = planMemory([call(a, b), call(b, c), call(c, d)]);
  assertEquals(arenas, [400, 320]);
  assertEquals(arenaOf.get(a), arenaOf.get(c));
  assertEquals(arenaOf.get(b), arenaOf.get(d));
});

Deno.test("planMemory() keeps hot tensors in memory of their own", () => {
  const [a, b, c] = [tensor("a", 100), tensor("b", 80), tensor("c", 60)] as const;
  const [d, e] = [{ ...tensor("d", 50), isHot: true }, { ...tensor("e", 40), isHot: true }];
  const { arenas, arenaOf } = planMemory([call(a, d), call(b, e), call(c)]);
  assertEquals(arenas, [400, 208]);
  assertEquals([a, b, c, d, e].map((tensor) => arenaOf.get(tensor)), [0, 0, 0, 1, 1]);
});

Deno.test("planMemory() leaves tensors alone that have a place", () => {
  const fixed: Tensor = { ...tensor("fixed", 8), storage: { buffer: { bytes: 32, destroy() {} }, offset: 0 } };
  assertEquals(planMemory([call(fixed)]).arenas, []);
});

Deno.test("planMemory() never puts two living tensors into one place, in a thousand random programs", () => {
  const next = random(3);
  for (let round = 0; round < 1000; round++) {
    const tensors = Array.from({ length: 12 }, (_, i) => tensor(`t${i}`, 1 + Math.floor(next() * 50)));
    const calls = Array.from({ length: 20 }, () => call(...tensors.filter(() => next() < 0.2)));
    const { arenas, arenaOf } = planMemory(calls);
    const life = (t: Tensor) => {
      const uses = calls.flatMap(({ tensors }, i) => Object.values(tensors).includes(t) ? [i] : []);
      return [uses[0]!, uses.at(-1)!] as const;
    };
    for (const [one, arena] of arenaOf) {
      assert(arenas[arena]! >= 4 * one.size);
      for (const [other, otherArena] of arenaOf) {
        if (one === other || arena !== otherArena) continue;
        assert(life(one)[1] < life(other)[0] || life(other)[1] < life(one)[0]);
      }
    }
  }
});

Deno.test("Graph overwrites an activation's first gradient and adds the next ones", () => {
  const graph = new Graph();
  const x = graph.activation("x", [4]);
  const first = graph.gradient(x);
  const second = graph.gradient(x);
  assertEquals([first.accumulate, second.accumulate], [false, true]);
  assert(first.tensor === second.tensor);
  const parameter: Parameter = { ...tensor("p", 4), gradient: tensor("d_p", 4) };
  assertEquals(graph.gradient(parameter), { tensor: parameter.gradient, accumulate: true });
});

Deno.test("Graph passes a gradient on without a copy, unless there is one already", () => {
  const graph = new Graph();
  const calls = graph.section("main");
  const [x, y] = [graph.activation("x", [4]), graph.activation("y", [4])];
  const d = graph.activation("d", [4]);
  graph.passGradient(d, x);
  assert(graph.gradientOf(x) === d);
  graph.gradient(y);
  graph.passGradient(d, y);
  assertEquals(calls.map(({ op }) => op), ["add"]);
  assertThrows(() => graph.gradientOf(graph.activation("z", [1])), TypeError, "Nothing that depends on z");
});

Deno.test("Graph stores activations in its precision, statistics as they ask, gradients as what they are of", () => {
  const rounded = { ...tensor("p in f16", 4), dtype: "f16" as const };
  for (const precision of ["f32", "f16"] as const) {
    const graph = new Graph({ precision });
    const [x, statistic] = [graph.activation("x", [4]), graph.activation("s", [4], "f32")];
    const all = [x, statistic, graph.gradient(x).tensor, graph.gradient(statistic).tensor, graph.persistent("y", [4])];
    assertEquals(all.map(({ dtype }) => dtype), [precision, "f32", precision, "f32", "f32"]);
    // kernels read the rounded copy of a parameter that has one
    const parameters = {
      a: { ...tensor("p", 4), gradient: tensor("d_p", 4), rounded },
      b: { ...tensor("q", 4), gradient: tensor("d_q", 4) },
    };
    graph.call("add", { tensors: { ...parameters, x }, params: {} });
    const [{ tensors }] = graph.section("main") as [OpCall];
    assert(
      tensors.a === (precision === "f16" ? rounded : parameters.a) && tensors.b === parameters.b && tensors.x === x,
    );
  }
});

Deno.test("planMemory() gives tensors of f16 half of the room", () => {
  const arenas = (dtype: DataType) => planMemory([call({ ...tensor("x", 10), dtype })]).arenas;
  assertEquals([arenas("f32"), arenas("f16")], [[48], [24]]);
});

Deno.test("Graph runs backward recordings last first, and only in training", () => {
  const order: number[] = [];
  for (const training of [true, false]) {
    const graph = new Graph({ training });
    graph.onBackward(() => order.push(1));
    graph.onBackward(() => order.push(2));
    graph.backward();
  }
  assertEquals(order, [2, 1]);
});

kindTest("ParameterStore lays decayed parameters first and finds every one again", (device) => {
  const store = new ParameterStore(device, [
    { name: "bias", shape: [3], decay: false },
    { name: "weight", shape: [5, 7], decay: true },
    { name: "table", shape: [70], decay: true },
  ]);
  const values = new Map(store.specs.map(({ name, shape }, i) => {
    const size = shape.reduce((a, b) => a * b);
    return [name, Float32Array.from({ length: size }, (_, j) => 100 * i + j)] as const;
  }));
  assertEquals(new Map(store.split(store.join(values))), new Map(values));
  assertEquals([store.count, store.decayed, store.values.size], [108, 64 + 128, 256]);
  assertEquals(store.get("bias").storage!.offset, 4 * store.decayed);
  assertThrows(() => store.get("x"), TypeError, 'no parameter "x"');
  assertThrows(() => store.join(new Map()), TypeError, '"bias" needs 3 values of shape [3], got none');
  store.destroy();
  return Promise.resolve();
});

Deno.test("Graph.cut() parts a section into consecutive ones, and refuses to lose calls or to change their order", () => {
  const graph = new Graph();
  const calls = graph.section("gradients");
  for (let i = 0; i < 5; i++) graph.call(`op${i}`, { tensors: {}, params: {} });
  for (const ends of [[2, 4], [2, 6], [3, 2, 5], []]) {
    assertThrows(() => graph.cut("gradients", ends), RangeError, "Cannot cut section");
  }
  assertEquals(graph.cut("gradients", [2, 5]), ["gradients", "gradients 2"]);
  assertEquals(graph.section("gradients").map(({ op }) => op), ["op0", "op1"]);
  assertEquals(graph.section("gradients 2").map(({ op }) => op), ["op2", "op3", "op4"]);
  assertEquals(calls.length, 5);
  graph.section("update");
  assertThrows(() => graph.cut("gradients", [2]), RangeError, "Cannot cut section");
});
