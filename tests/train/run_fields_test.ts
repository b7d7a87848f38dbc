import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parseCurriculum } from "../../lib/batch/curriculum.ts";
import { faultText } from "../../lib/sentences/fields.ts";
import { defaultSettings } from "../../lib/train/settings.ts";
import { aboutFields, runFields, stateFields, validationLine } from "../../lib/train/run_fields.ts";

const training = { ...defaultSettings({ preset: "bert", width: 128 }), budget: { tokens: 1000 } };
const cpu = { kind: "cpu", fusedMultiplyAdd: true, blas: "off" };
const run = {
  format: 2,
  model: { preset: "bert" },
  training,
  text: { data: ["/a.txt"], validation: 0.1, document: "line" },
  files: [{ name: "/a.txt", size: null, head: "00", modified: null }],
  device: { description: "CPU", settings: cpu },
};
const state = {
  step: 3,
  tokens: 30,
  seconds: 1.5,
  position: { epoch: 0, block: 1, place: [0, 12], length: 16, taken: 2, tokens: { all: 10, padding: 0 } },
};
const validation = {
  kind: "validation",
  step: 1,
  tokens: 1,
  seconds: 1,
  length: 16,
  loss: null,
  accuracy: "NaN",
  perplexity: 2,
};

Deno.test("run_fields take what runs write, now and before", () => {
  const webgpu = { description: "x", settings: { kind: "webgpu", adapter: "x" } };
  const minutes = {
    ...training,
    budget: { minutes: 0.5 },
    learningRate: { ...training.learningRate, warmup: { steps: 5 } },
  };
  // settings of labml, and of versions that packed in one way only
  const { pack: _, ...older } = { ...defaultSettings({ preset: "labml", width: 64 }), budget: { steps: 5 } };
  for (
    const config of [
      run,
      { ...run, device: webgpu, devicesBefore: [{ ...webgpu, until: 3 }] },
      { ...run, training: minutes, init: "runs/a", more: 1 },
      { ...run, training: { ...training, curriculum: parseCurriculum("16:50%@32,16") } },
      {
        ...run,
        training: {
          ...training,
          maskRate: { start: 0.4, by: [0.1], end: 0.05 },
          maskSpread: 1,
          attention: { start: 8, share: 1 },
        },
      },
      { ...run, training: older, model: { preset: "labml", biases: false } },
    ]
  ) assertEquals(runFields(JSON.parse(JSON.stringify(config))), undefined);
  for (const place of [null, 5, [0, 5, 2], { read: [1, 2], places: [[0, 5], []] }]) {
    assertEquals(stateFields({ ...state, position: { ...state.position, place } }), undefined);
  }
  assertEquals([aboutFields(state), validationLine(validation)], [undefined, undefined]);
});

Deno.test("run_fields say which field is wrong, and what would be right", () => {
  const cases: [fault: ReturnType<typeof runFields>, text: string][] = [
    [runFields(null), "it is null; wanted an object"],
    [runFields([]), "it is an empty list; wanted an object"],
    [runFields({}), '"format" is missing; wanted 2'],
    [runFields({ ...run, format: "2" }), '"format" is "2"; wanted 2'],
    [runFields({ ...run, training: 5 }), '"training" is 5; wanted an object'],
    [
      runFields({ ...run, training: { ...training, seed: "x\x1b" } }),
      '"training.seed" is "x\\x1b"; wanted a whole number of at least 0 and of at most 4294967295',
    ],
    [
      runFields({
        ...run,
        training: { ...training, curriculum: [{ length: 16, share: 1 }, { length: 8, share: "x" }] },
      }),
      '"training.curriculum[1].share" is "x"; wanted a number above 0 and of at most 1',
    ],
    [
      runFields({ ...run, training: { ...training, curriculum: [{ length: 16, share: 0.5 }] } }),
      '"training.curriculum" is a list; wanted lengths that rise and shares that add up to 1',
    ],
    [
      runFields({ ...run, training: { ...training, budget: {} } }),
      '"training.budget" is an object; wanted "tokens", "steps" or "minutes", a number above 0',
    ],
    [runFields({ ...run, text: { data: [1] } }), '"text.data[0]" is 1; wanted text'],
    [runFields({ ...run, files: [null] }), '"files[0]" is null; wanted an object'],
    [
      runFields({ ...run, device: { description: "x", settings: { kind: "tpu" } } }),
      '"device.settings.kind" is "tpu"; wanted "cpu" or "webgpu"',
    ],
    [stateFields({ ...state, step: -1 }), '"step" is -1; wanted a whole number of at least 0'],
    [
      stateFields({ ...state, position: { ...state.position, place: ["x"] } }),
      '"position.place" is a list; wanted a place in the text',
    ],
    [validationLine({ kind: "validation", step: 1 }), '"tokens" is missing; wanted a whole number of at least 0'],
  ];
  for (const [fault, text] of cases) {
    assert(fault);
    assertStringIncludes(faultText(fault), text);
  }
  // what is not its own is no field
  assert(validationLine(JSON.parse('{"__proto__": {"kind": "validation"}}')));
});
