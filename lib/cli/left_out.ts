/**
 * What is said of files of a folder that are not read.
 *
 * @module
 */

import { joined } from "../files/paths.ts";
import type { LeftOut } from "../text/file_source.ts";
import { grouped } from "./figures.ts";

/** Says which files of a folder are not read, and how to name them. */
export function leftOutNotice(folder: string, others: LeftOut): string {
  const counts = [...others].sort(([, a], [, b]) => b - a);
  const said = counts.slice(0, 5).map(([ending, count]) =>
    `${grouped(count)} ${ending || "other"} ${count === 1 ? "file" : "files"}`
  );
  if (counts.length > 5) said.push(`${grouped(counts.slice(5).reduce((sum, [, count]) => sum + count, 0))} others`);
  const ending = counts.find(([name]) => name !== "")?.[0];
  const pattern = `'${joined(folder, `**/*${ending ?? ""}`)}'`;
  return `${said.join(", ")} skipped; name ${ending && counts.length > 1 ? `${ending} files` : "them"} with ${pattern}`;
}
