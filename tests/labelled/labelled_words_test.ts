import { assertEquals, assertRejects } from "@std/assert";
import {
  columnWords,
  hasColumns,
  labelledWords,
  type LabelledWordsOptions,
} from "../../lib/labelled/labelled_words.ts";
import { listIn } from "../../lib/labelled/list_cell.ts";
import { BadRecords, stringSource } from "../../lib/text/source.ts";

async function sentences(name: string, text: string, options: LabelledWordsOptions = {}) {
  const found = await Array.fromAsync(labelledWords(stringSource(name, text), options));
  return found.map(({ words, tags }) => words.map((word, i) => `${word}:${tags[i]}`).join(" "));
}

const expected = ["The:DT #:NN 1/2:CD", "Go:VB"];

Deno.test("labelledWords() reads the same from columns, slashes, lists and texts cut at spaces", async () => {
  assertEquals(await sentences("a.conll", "-DOCSTART- O\n\nThe DT\n# NN\n1/2 CD\n\n\nGo VB\n"), expected);
  assertEquals(await sentences("a.tsv", "The\tDT\r\n#\tNN\r\n1/2\tCD\r\n\r\nGo\tVB"), expected);
  assertEquals(
    await sentences("a.txt", "# source = news\nThe x DT\n# y NN\n1/2 z CD\n\n# id = 2\nGo q VB\n"),
    expected,
  );
  assertEquals(await sentences("a.txt", "The/DT #/NN 1/2/CD\n\nGo/VB\n"), expected);
  assertEquals(await sentences("a.pos", "\t The/DT #/NN   1/2/CD \nGo/VB"), expected);
  const records = [{ tokens: ["The", "#", "1/2"], tags: ["DT", "NN", "CD"] }, { tokens: ["Go"], tags: ["VB"] }];
  const lines = records.map((record) => JSON.stringify(record)).join("\n");
  assertEquals(await sentences("a.jsonl", lines), expected);
  assertEquals(await sentences("a", lines), expected);
  assertEquals(await sentences("a.json", JSON.stringify(records)), expected);
  assertEquals(await sentences("a.csv", "tokens,tags\nThe # 1/2,DT NN CD\nGo,VB\n"), expected);
  // lists in cells, as JSON, and as pandas and NumPy write them
  const cells = [
    `"[""The"",""#"",""1/2""]","[""DT"",""NN"",""CD""]"`,
    `"['The', '#', ""1/2""]","['DT', 'NN', 'CD']"`,
    `"['The' '#' '1/2']","['DT' 'NN'  'CD']"`,
  ];
  for (const row of cells) {
    assertEquals(await sentences("a.csv", `tokens,tags\n${row}\n['Go'],['VB']\n`), expected, row);
  }
  // brackets that are words
  assertEquals(await sentences("a.csv", "tokens,tags\n[ Go ],[ VB ]\n[1],CD\n"), ["[:[ Go:VB ]:]", "[1]:CD"]);
});

Deno.test("listIn() reads lists of JSON and Python, and takes nothing else for one", () => {
  assertEquals(listIn('["a", 1]'), ["a", "1"]);
  assertEquals(listIn(` ['it\\'s', "don't", 'a\\\\b', '\\u00e9\\n', -1.5,] `), [
    "it's",
    "don't",
    "a\\b",
    "\u00e9\n",
    "-1.5",
  ]);
  assertEquals(listIn("[]"), []);
  for (const text of ["a", "[a]", "['a'", "['a''b']", "['a', b]", '[["a"]]', "{'a'}", "['a' , , 'b']"]) {
    assertEquals(listIn(text), undefined, text);
  }
});

Deno.test("labelledWords() reads the words of CoNLL-U with their parts of speech, each once", async () => {
  const rest = "\t_\t_\t0\troot\t_\t_";
  const text = `# sent_id = 1\n# text = vámonos al mar\n1-2\tvámonos\t_\t_${rest}\n1\tvamos\tir\tVERB${rest}\n` +
    `2\tnos\tnosotros\tPRON${rest}\n2.1\tx\tx\tX${rest}\n\n# text = mar\n1\tmar\tmar\tNOUN${rest}\n`;
  assertEquals(await sentences("a.conllu", text), ["vamos:VERB nos:PRON", "mar:NOUN"]);
  assertEquals(await sentences("a.conllu", text, { field: "3" }), ["ir:VERB nosotros:PRON", "mar:NOUN"]);
});

Deno.test("labelledWords() takes columns by number, and fields by name", async () => {
  const text = "EU NNP I-NP I-ORG\nrejects VBZ I-VP O\n";
  assertEquals(await sentences("a.txt", text), ["EU:I-ORG rejects:O"]);
  assertEquals(await sentences("a.txt", text, { label: "2" }), ["EU:NNP rejects:VBZ"]);
  await assertRejects(
    () => sentences("a.txt", text, { label: "pos" }),
    RangeError,
    'Cannot take column "pos" (--label)',
  );
  await assertRejects(
    () => sentences("a.txt", "The/DT dog/NN\n", { label: "2" }),
    RangeError,
    'Cannot take "2" (--label): a.txt has lines of word/TAG, which have no columns',
  );
  const record = JSON.stringify({ words: ["EU", "rejects"], ner_tags: [3, 0] });
  assertEquals(await sentences("a.jsonl", record, { field: "words", label: "ner_tags" }), ["EU:3 rejects:0"]);
});

const wrong: readonly (readonly [name: string, text: string, place: string, sentence: string])[] = [
  ["a.conll", "Go VB\n\nThe DT\ndog\n", "line 4", 'the word "dog" has no tag'],
  ["a.txt", "Go/VB Go/VB Go/VB Go/VB Go/VB Go/VB\ndog/ a/DT\n", "line 2", '"dog/" is no word/TAG'],
  ["a.jsonl", '{"tokens":["Go"],"tags":["VB"]}\n{"tokens":["a","b"],"tags":["DT"]}\n', "line 2", "1 tags stand for 2"],
  ["a.jsonl", '{"tokens":["Go"],"tags":["VB"]}\n{"tokens":["a",""],"tags":["DT","NN"]}\n', "line 2", "word 2 is empty"],
  [
    "a.jsonl",
    '{"tokens":["Go"],"tags":["VB"]}\n{"tokens":["a"],"tags":[null]}\n',
    "line 2",
    "the tag of word 1 is empty",
  ],
  ["a.jsonl", '{"tokens":["Go"],"tags":["VB"]}\n{"tokens":["a"]}\n', "line 2", 'there are none in "tags" (--label)'],
];

Deno.test("labelledWords() says where tags do not match words, or leaves such sentences out", async () => {
  for (const [name, text, place, sentence] of wrong) {
    const message =
      `Cannot use ${name}: the tags of 1 sentence do not match the words (${place}); of the first, ${sentence}`;
    await assertRejects(() => sentences(name, text), SyntaxError, message);
    const bad = new BadRecords(1);
    assertEquals((await sentences(name, text, { bad })).length, 1);
    assertEquals(bad.count, 1);
  }
  await assertRejects(
    () => sentences("a.conll", "\n\n"),
    SyntaxError,
    "Cannot use a.conll: it holds no words with tags",
  );
  await assertRejects(
    () => sentences("a.jsonl", '{"tokens":["a"],"ner_tags":[1]}\n{"tokens":["b"],"ner_tags":[0]}\n'),
    SyntaxError,
    'Cannot use a.jsonl: it has no field "tags" (--label); its fields are tokens, ner_tags',
  );
  await assertRejects(
    () => sentences("a.csv", `tokens,tags\n"['a', b]","['X', Y]"\n`),
    SyntaxError,
    "a list in a cell cannot be read",
  );
  // nested, without its end, and one of the two alone
  for (const row of [`"[['a'], ['b']]","[['X'], ['Y']]"`, `"['a', 'b'","['X', 'Y'"`, `"[['a'], ['b']]","['X', 'Y']"`]) {
    await assertRejects(
      () => sentences("a.csv", `tokens,tags\n${row}\n`),
      SyntaxError,
      "a list in a cell cannot be read",
    );
  }
  const prose =
    "It was late.\nThe keys hung behind the door, as ever.\nNobody\ncame that night, or the next\nwhere are they\n";
  await assertRejects(
    () => sentences("a.txt", prose),
    SyntaxError,
    "Cannot use a.txt: it looks like text without tags",
  );
  // cells may hold several words where tabs part them
  const cities = ["Rome", "New York", "Rio de Janeiro", "Santiago de los Caballeros", "The Hague of old times"];
  const [sentence] = await sentences("a.txt", cities.map((city) => `${city}\tLOC\n`).join(""));
  assertEquals(sentence, cities.map((city) => `${city}:LOC`).join(" "));
  // one that names columns has them, also where a few lines lack some
  const ragged = "a X\nb X\nc\n\nd X\ne X Y\nf X\n";
  await assertRejects(() => sentences("a.txt", ragged), SyntaxError, "do not match the words");
});

Deno.test("columnWords() reads sentences with tags and without, and of other columns where they are named", async () => {
  assertEquals(["a.conll", "a.conllu.gz", "A.IOB", "a.bio"].map(hasColumns), [true, true, true, true]);
  assertEquals(["a.txt", "a.csv", "conll", "a.jsonl"].map(hasColumns), [false, false, false, false]);
  const words = (text: string, field?: string) =>
    Array.fromAsync(columnWords(stringSource("a.conll", text), field === undefined ? {} : { field }));
  assertEquals(await words("-DOCSTART- -X-\n\nThe DT\ndog NN\n\n\nIt PRP\n"), [["The", "dog"], ["It"]]);
  assertEquals(await words("The\ndog\n\nIt"), [["The", "dog"], ["It"]]);
  assertEquals(await words("1 The DT\n2 dog NN\n", "2"), [["The", "dog"]]);
  await assertRejects(
    () => words("The DT\ndog\n", "2"),
    SyntaxError,
    "Cannot use a.conll, line 2: there is no word in column 2",
  );
});
