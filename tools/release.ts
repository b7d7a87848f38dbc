/**
 * Says whether the changelog is ready for the version of deno.json: `deno task release` runs it, then lints the documentation and
 * tries to publish, without a network.
 *
 * @module
 */

import project from "../deno.json" with { type: "json" };

/** What keeps a version from being released (`problem`), and what is to be done before it is published (`note`). */
export interface Readiness {
  /** Why it cannot be released. */
  readonly problem?: string;
  /** What is still to be done. */
  readonly note?: string;
}

/** Compares a version with the first section of a changelog. */
export function readinessOf(version: string, changelog: string): Readiness {
  if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) {
    return { problem: `The version of deno.json is "${version}": three numbers are wanted, such as 0.2.0` };
  }
  const [, heading, content = ""] = /^## (.*)\n([^]*?)(?=^## |$(?![^]))/m.exec(changelog) ?? [];
  const [, latest, state] = /^(\S+)(?: \((.+)\))?$/.exec(heading ?? "") ?? [];
  if (latest !== version) {
    return {
      problem: `deno.json has version ${version}, but the first section of CHANGELOG.md is "${heading ?? ""}": ` +
        `begin it with "## ${version} (date)"`,
    };
  }
  if (!/^- /m.test(content)) return { problem: `CHANGELOG.md says nothing about ${version}: list what is new` };
  if (state === "unreleased") {
    return { note: `CHANGELOG.md calls ${version} unreleased: put the date there before you publish` };
  }
  if (!/^\d{4}-\d{2}-\d{2}$/.test(state ?? "")) {
    return { problem: `CHANGELOG.md has no date for ${version}: write "## ${version} (2026-01-31)"` };
  }
  return {};
}

if (import.meta.main) {
  const changelog = await Deno.readTextFile(new URL("../CHANGELOG.md", import.meta.url));
  const { problem, note } = readinessOf(project.version, changelog);
  if (problem !== undefined) {
    console.error(`error: ${problem}`);
    Deno.exit(1);
  }
  console.log(note === undefined ? `CHANGELOG.md is ready for ${project.version}` : `note: ${note}`);
}
