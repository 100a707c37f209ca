//! The matrix as people read it: whole where something is wrong, in short form in the README.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use super::{Cell, Class, Told};

const BEGIN: &str = "<!-- fault matrix, written by its test -->\n";
const END: &str = "<!-- end of the fault matrix -->\n";
const COLUMNS: [(Class, &str); 5] = [
    (Class::Read, "reads"),
    (Class::Idempotent, "may be repeated"),
    (Class::Once, "must not be"),
    (Class::Verb, "verbs and comments"),
    (Class::LookUp, "a verb's look beforehand"),
];

#[derive(Default)]
pub struct Table {
    cells: Vec<Cell>,
    faults: Vec<&'static str>,
}

impl Table {
    pub fn add(&mut self, cell: Cell) {
        if !self.faults.contains(&cell.fault) {
            self.faults.push(cell.fault);
        }
        self.cells.push(cell);
    }

    pub fn problems(&self) -> Vec<&Cell> {
        self.cells.iter().filter(|cell| !cell.problems.is_empty()).collect()
    }

    pub fn is_shown_in_readme(&self) {
        let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        let text = std::fs::read_to_string(readme).unwrap();
        let shown = text.split_once(BEGIN).and_then(|(_, rest)| Some(rest.split_once(END)?.0));
        let short = self.short();
        assert!(shown == Some(short.as_str()), "the README should show\n\n{BEGIN}{short}{END}");
    }

    fn short(&self) -> String {
        let columns = COLUMNS.map(|(_, name)| format!(" {name} |")).concat();
        let mut rows: Vec<(String, Vec<&str>)> = Vec::new();
        for fault in &self.faults {
            let row = self.row(fault);
            match rows.iter_mut().find(|(known, _)| *known == row) {
                Some((_, faults)) => faults.push(fault),
                None => rows.push((row, vec![fault])),
            }
        }
        let line =
            |(row, faults): &(String, Vec<&str>)| format!("| {} |{row}\n", faults.join("; "));
        let rows: String = rows.iter().map(line).collect();
        format!("\n| what goes wrong |{columns}\n|---|---|---|---|---|---|\n{rows}\n")
    }

    fn row(&self, fault: &str) -> String {
        let cell = |(class, _)| {
            let told = |for_ever| self.told(fault, class, for_ever);
            let (once, always) = (told(false), told(true));
            if once == always {
                format!(" {once} |")
            } else {
                format!(" {once}; always: {always} |")
            }
        };
        COLUMNS.map(cell).concat()
    }

    fn told(&self, fault: &str, class: Class, for_ever: bool) -> String {
        let here = |c: &&Cell| c.fault == fault && c.deed.class == class && c.for_ever == for_ever;
        let words: BTreeSet<_> =
            self.cells.iter().filter(here).map(|c| c.told.in_short()).collect();
        words.into_iter().collect::<Vec<_>>().join(" or ")
    }
}

impl Told {
    fn in_short(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Adopted => "adopted",
            Self::Nothing(_) => "error",
            Self::Unsaid(_) => "error, open",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds: BTreeMap<_, Vec<&Cell>> = BTreeMap::new();
        for cell in self.problems() {
            kinds.entry(cell.problems.clone()).or_default().push(cell);
        }
        for (problems, cells) in kinds {
            writeln!(f, "{} cells: {problems:?}", cells.len())?;
            for cell in cells {
                let often = if cell.for_ever { "always" } else { "once" };
                writeln!(
                    f,
                    "  {:<28} {:<44} {often:<6} {} requests, {} effects, told {:?}",
                    cell.deed.name, cell.fault, cell.requests, cell.effects, cell.told
                )?;
            }
        }
        writeln!(f, "{}", self.short())
    }
}
