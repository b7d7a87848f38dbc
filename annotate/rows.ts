/**
 * Parts of the manifest as rows of a page: a note, the code beside it, and an anchor that stays when other notes come and go.
 *
 * @module
 */

import { type Section, sectionsOf } from "./comments.ts";
import { declaredName, extentOf } from "./declarations.ts";
import { anchorOf } from "./html.ts";
import type { Part } from "./manifest.ts";

/** A row of a page. */
export interface Row extends Section {
  /** Anchor of the row, one of its own on the page. */
  readonly id: string;
  /** What a row at the outermost level declares. */
  readonly declares: string | undefined;
  /** Whether lines of the source are left out between it and the row before. */
  readonly afterGap: boolean;
}

/** A file on a page. */
export interface ShownFile {
  readonly path: string;
  readonly id: string;
  readonly rows: readonly Row[];
}

/** Imports say nothing to a reader that the code does not. */
const withoutImports = (code: string): string =>
  code.replace(/^import (?:type )?[^;]*;\n?/gm, "").replace(/^\n+/, "").trimEnd();

/** Name of the first declaration of a section, and how deep it stands. */
function declarationOf({ code }: Section): { name: string; isTop: boolean } | undefined {
  const line = code.split("\n").find((each) => !/^\s*@(?!\S+.*\b(?:fn|var)\b)/.test(each));
  const name = line === undefined ? undefined : declaredName(line);
  return name === undefined ? undefined : { name, isTop: !line!.startsWith(" ") };
}

/** The rows of a part; `taken` holds the anchors that the page has. */
export function rowsOf({ file, only }: Part, source: string, taken: Set<string>): ShownFile {
  const free = (wanted: string): string => {
    let id = wanted;
    for (let n = 2; taken.has(id); n++) id = `${wanted}-${n}`;
    taken.add(id);
    return id;
  };
  const id = free(anchorOf(file));
  const stem = anchorOf(file.split("/").at(-1)!);
  const extents = only ? only.map((name) => extentOf(source, name)) : [{ first: 0, end: Infinity }];
  const rows: Row[] = [];
  let owner = stem;
  let end = 0;
  for (const extent of extents) {
    for (const [i, section] of sectionsOf(source, extent).entries()) {
      const code = withoutImports(section.code);
      if (code === "" && section.comment === "") continue;
      const declaration = declarationOf({ ...section, code });
      if (declaration?.isTop || (declaration && i === 0)) owner = `${stem}-${anchorOf(declaration.name)}`;
      const wanted = declaration && !declaration.isTop && i > 0 ? `${owner}-${anchorOf(declaration.name)}` : owner;
      // tensors of a shader are no names to look for
      const isNamed = (declaration?.isTop || i === 0) && !/^(?:@\S+ )+var/.test(code);
      const declares = isNamed ? declaration?.name : undefined;
      const afterGap = i === 0 && rows.length > 0 && extent.first > end + 1;
      rows.push({ ...section, code, id: free(wanted), declares, afterGap });
    }
    end = extent.end;
  }
  return { path: file, id, rows };
}
