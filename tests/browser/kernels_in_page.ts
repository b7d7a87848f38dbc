// Bundled for a browser: collects the tests of operations, for the page to run those of WebGPU one by one.
import "./deno_in_page.ts";
import "../ops/attention_test.ts";
import "../ops/cross_entropy_test.ts";
import "../ops/embedding_test.ts";
import "../ops/halves_test.ts";
import "../ops/layer_norm_test.ts";
import "../ops/linear_test.ts";
import "../ops/pooling_test.ts";
import "../ops/pointwise_test.ts";
