/**
 * Code in colours: TypeScript, and WGSL, whose words are listed here.
 *
 * @module
 */

import hljs from "npm:highlight.js@11.12.0/lib/core";
import typescript from "npm:highlight.js@11.12.0/lib/languages/typescript";
import { escapeHtml } from "./html.ts";

hljs.registerLanguage("typescript", typescript);
hljs.registerLanguage("wgsl", (engine) => ({
  name: "WGSL",
  keywords: {
    keyword: "fn let var const override struct if else for while loop break continue return switch case default",
    literal: "true false",
    type: "bool f32 i32 u32 vec2f vec3f vec4f vec2u vec3u vec4u vec4 mat4x4f array ptr function uniform storage " +
      "workgroup private read read_write",
    built_in: "dot exp exp2 log sqrt select max min abs clamp transpose bitcast workgroupBarrier fma tanh",
  },
  contains: [
    engine.C_LINE_COMMENT_MODE,
    { scope: "meta", match: /@\w+/ },
    { scope: "number", match: /\b(?:0x[\da-f]+u?|\d+(?:\.\d+)?(?:e-?\d+)?[uif]?)\b/ },
    { match: [/\bfn/, /\s+/, /\w+/], scope: { 1: "keyword", 3: "title.function" } },
  ],
}));

/** Language of a file, as {@linkcode highlighted} takes it. */
export function languageOf(path: string): "typescript" | "wgsl" {
  return path.endsWith(".wgsl") ? "wgsl" : "typescript";
}

/** Code as HTML whose spans say what each piece is; languages that are not known stay plain. */
export function highlighted(code: string, language: string): string {
  const known = language === "ts" ? "typescript" : language;
  return hljs.getLanguage(known) ? hljs.highlight(code, { language: known }).value : escapeHtml(code);
}
