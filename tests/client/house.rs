//! The source held against its own rules: which way imports run, and what the lists must contain.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use defender_response::catalog;

/// From the ground up; a room may import from rooms below it and from its own floor.
const FLOORS: &[&[&str]] = &[
    &["types", "model"],
    &["error"],
    &["clock", "transport"],
    &["region"],
    &["auth"],
    &["operation"],
    &["reads", "guard"],
    &["send"],
    &["client"],
    &["odata", "actions"],
    &["machines", "alerts", "indicators"],
    &["waits"],
    &["ensure", "fleet", "stix"],
    &["catalog"],
    &["check", "tenants"],
    &["playbook"],
];

/// The emulator stands beside the house: it shares no encoding with the client, or both could be wrong
/// together.
const EMULATOR_MAY: &[&str] = &["transport", "clock", "types"];

fn sources() -> BTreeMap<PathBuf, String> {
    fn walk(folder: &Path, files: &mut BTreeMap<PathBuf, String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                files.insert(path, text);
            }
        }
    }
    let mut files = BTreeMap::new();
    walk(&root().join("src"), &mut files);
    assert!(files.len() > 20);
    files
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `src/send/answer.rs` is in the room `send`.
fn room(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// What follows `crate::` on a line of code.
fn imports(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| {
        line.match_indices("crate::").filter_map(move |(at, _)| {
            let before = line[..at].chars().next_back();
            let outside = before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$');
            (!outside).then(|| &line[at + "crate::".len()..])
        })
    })
}

fn name(import: &str) -> &str {
    import.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap()
}

#[test]
fn imports_run_downwards() {
    let floor = |room: &str| FLOORS.iter().position(|rooms| rooms.contains(&room));
    for (path, text) in sources() {
        let here = room(&path);
        if here == "lib" {
            continue;
        }
        for import in imports(&text) {
            let there = name(import);
            if here == "emulator" {
                let may = EMULATOR_MAY.iter().any(|m| import.starts_with(m));
                assert!(may || there == "emulator", "{}: crate::{import}", path.display());
                continue;
            }
            let (Some(from), Some(to)) = (floor(&here), floor(there)) else {
                panic!("{}: {here} or {there} has no floor", path.display());
            };
            assert!(to <= from, "{}: {here} imports upwards from {there}", path.display());
        }
    }
}

#[test]
fn every_operation_is_in_the_catalog() {
    let catalog = fs::read_to_string(root().join("src/catalog.rs")).unwrap();
    let mut found = 0;
    for (path, text) in sources() {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            let Some(operation) = line.strip_prefix("impl Operation for ") else { continue };
            let operation = operation.trim_end_matches(" {");
            found += 1;
            let listed = format!("    {operation}::SPEC,");
            assert!(catalog.contains(&listed), "{operation} of {} is missing", path.display());
        }
    }
    assert_eq!(found, catalog::OPERATIONS.len());
}

#[test]
fn the_names_and_routes_of_operations_are_unique() {
    let mut seen = BTreeMap::new();
    for spec in catalog::OPERATIONS {
        for key in [spec.name.to_owned(), format!("{} {}", spec.method, spec.route)] {
            assert!(seen.insert(key.clone(), spec.name).is_none(), "{key} twice");
        }
        assert!(!spec.roles.is_empty(), "{}", spec.name);
    }
}

#[test]
fn the_readme_has_a_row_for_every_operation() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for spec in catalog::OPERATIONS {
        let wire = format!(
            "`{} {}`",
            spec.method,
            spec.route.replace("({})", "(…)").replace("{}", "{id}")
        );
        let row = readme.lines().find(|line| line.starts_with('|') && line.contains(&wire));
        let row = row.unwrap_or_else(|| panic!("no row with {wire}"));
        let per_hour = spec.quota.per_hour.map(|n| format!(" / {n} h")).unwrap_or_default();
        let quota = format!("{} min{per_hour}", spec.quota.per_minute);
        assert!(row.contains(&quota), "{}: {quota}", spec.name);
        if spec.name != "cancel_machine_action" {
            for role in spec.roles {
                assert!(row.contains(role), "{}: {role}", spec.name);
            }
        }
    }
}

#[test]
fn no_file_is_longer_than_one_sitting() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= 600, "{} has {lines} lines", path.display());
    }
}
