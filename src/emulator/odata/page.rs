//! A list's options, and the page they cut out of it.

use std::cmp::Ordering;

use super::filter::Filter;
use super::{Cell, Column, Row, error};
use crate::emulator::answer::Refusal;
use crate::emulator::text::Fields;

/// The documented largest page.
const LARGEST_PAGE: usize = 10_000;

/// The options of a list.
#[derive(Debug)]
pub(crate) struct Query {
    filter: Option<Filter>,
    order: Vec<(Column, bool)>,
    top: Option<usize>,
    skip: usize,
    pub(crate) count: bool,
}

/// A page of a list.
#[derive(Debug)]
pub(crate) struct Page<R> {
    pub(crate) rows: Vec<R>,
    /// How many rows pass the filter, on this page or not.
    pub(crate) total: usize,
    /// Where the next page would begin, and how many rows were still asked for.
    pub(crate) next: Option<(usize, Option<usize>)>,
}

impl Query {
    pub(crate) fn read<R: Row>(fields: &Fields) -> Result<Self, Refusal> {
        let number = |name: &str| match fields.get(name) {
            None => Ok(None),
            Some(text) => text
                .parse::<usize>()
                .map(Some)
                .map_err(|_| error(format!("Invalid value '{text}' for {name} query option"))),
        };
        let top = number("$top")?;
        if top.is_some_and(|top| top > LARGEST_PAGE) {
            return Err(error(format!(
                "The limit of '{LARGEST_PAGE}' for Top query has been exceeded"
            )));
        }
        let count = match fields.get("$count") {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => {
                return Err(error(format!("Invalid value '{other}' for $count query option")));
            }
        };
        Ok(Self {
            filter: fields.get("$filter").map(Filter::parse::<R>).transpose()?,
            order: fields.get("$orderby").map_or_else(|| Ok(Vec::new()), read_order::<R>)?,
            top,
            skip: number("$skip")?.unwrap_or(0),
            count,
        })
    }

    /// The page these options cut out of `rows`, with at most `largest` rows.
    pub(crate) fn page<R: Row>(&self, rows: impl Iterator<Item = R>, largest: usize) -> Page<R> {
        let filter = self.filter.as_ref();
        let mut passing: Vec<R> = rows.filter(|row| filter.is_none_or(|f| f.passes(row))).collect();
        passing.sort_by(|a, b| self.compare(a, b));

        let total = passing.len();
        let wanted = self.top.unwrap_or(usize::MAX);
        let length = wanted.min(largest.min(LARGEST_PAGE));
        let rows: Vec<R> = passing.into_iter().skip(self.skip).take(length).collect();
        let end = self.skip.saturating_add(rows.len());
        let next = (end < total && length < wanted)
            .then(|| (end, self.top.map(|top| top.saturating_sub(rows.len()))));
        Page { rows, total, next }
    }

    /// Rows that are equal by all that was asked for are in the order of their ids.
    fn compare<R: Row>(&self, a: &R, b: &R) -> Ordering {
        self.order
            .iter()
            .map(|(column, down)| {
                let order = compare_cells(a.cell(column.name), b.cell(column.name));
                if *down { order.reverse() } else { order }
            })
            .find(|order| order.is_ne())
            .unwrap_or_else(|| a.by_id(b))
    }
}

fn compare_cells(a: Cell<'_>, b: Cell<'_>) -> Ordering {
    match (a, b) {
        (Cell::Text(a), Cell::Text(b)) => a.cmp(b),
        (Cell::Number(a), Cell::Number(b)) => a.total_cmp(&b),
        (Cell::Flag(a), Cell::Flag(b)) => a.cmp(&b),
        (Cell::Time(a), Cell::Time(b)) => a.cmp(&b),
        (Cell::Null, Cell::Null) => Ordering::Equal,
        (Cell::Null, _) => Ordering::Less,
        (_, Cell::Null) => Ordering::Greater,
        _ => Ordering::Equal,
    }
}

/// `name`, `name asc` or `name desc`, several with commas.
fn read_order<R: Row>(text: &str) -> Result<Vec<(Column, bool)>, Refusal> {
    text.split(',')
        .map(|part| {
            let mut words = part.split_whitespace();
            let column = Column::of::<R>(words.next().unwrap_or_default())?;
            match (words.next(), words.next()) {
                (None | Some("asc"), None) => Ok((column, false)),
                (Some("desc"), None) => Ok((column, true)),
                _ => Err(error(format!("Syntax error in $orderby: '{part}'"))),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::Type;
    use super::*;

    struct Sample {
        id: u32,
        name: Option<&'static str>,
        tags: Vec<String>,
    }

    impl Row for Sample {
        const COLUMNS: &'static [(&'static str, Type)] = &[
            ("id", Type::Number),
            ("name", Type::Text),
            ("seen", Type::Time),
            ("tags", Type::Texts),
        ];

        fn cell(&self, column: &str) -> Cell<'_> {
            match column {
                "id" => Cell::Number(f64::from(self.id)),
                "name" => self.name.into(),
                "seen" => Cell::from(
                    format!("2026-01-0{}T00:00:00Z", self.id)
                        .parse::<crate::types::Timestamp>()
                        .ok(),
                ),
                _ => Cell::Texts(&self.tags),
            }
        }

        fn by_id(&self, other: &Self) -> Ordering {
            self.id.cmp(&other.id)
        }
    }

    fn sample() -> Vec<Sample> {
        let tags = |text: &str| text.split(' ').map(str::to_owned).collect();
        vec![
            Sample { id: 3, name: Some("it's"), tags: tags("a b") },
            Sample { id: 1, name: Some("b&c=d"), tags: tags("alpha") },
            Sample { id: 2, name: None, tags: tags("") },
            Sample { id: 4, name: Some("b"), tags: tags("beta a") },
        ]
    }

    fn found(query: &[(&str, &str)]) -> Result<Vec<u32>, String> {
        let encoded =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        let query = Query::read::<Sample>(&Fields::parse(encoded.as_bytes()));
        let page = query.map_err(|e| e.message.into_owned())?.page(sample().into_iter(), 10_000);
        Ok(page.rows.iter().map(|row| row.id).collect())
    }

    #[test]
    fn each_operator_of_the_pages_selects() {
        for (filter, ids) in [
            ("id eq 2", vec![2]),
            ("id ne 2", vec![1, 3, 4]),
            ("id gt 2 and id lt 4", vec![3]),
            ("id ge 2 and id le 3", vec![2, 3]),
            ("id eq 1 or id eq 2 and id eq 3", vec![1]),
            ("(id eq 1 or id eq 2) and id ne 1", vec![2]),
            ("id in (1,4)", vec![1, 4]),
            ("NAME eq 'it''s'", vec![3]),
            ("name eq 'b&c=d'", vec![1]),
            ("name eq null", vec![2]),
            ("name ne null", vec![1, 3, 4]),
            ("startswith(name,'b')", vec![1, 4]),
            ("contains(name, '''')", vec![3]),
            ("seen gt 2026-01-02Z", vec![3, 4]),
            ("seen ge 2026-01-02T00:00:00.000Z and seen lt 2026-01-03", vec![2]),
            ("tags/any(t: t eq 'a')", vec![3, 4]),
            ("tags/any(t:startswith(t,'al'))", vec![1]),
            ("tags/any(t:contains(t,'et'))", vec![4]),
        ] {
            assert_eq!(found(&[("$filter", filter)]), Ok(ids), "{filter}");
        }
    }

    #[test]
    fn what_no_page_shows_is_refused() {
        for filter in [
            "",
            "id",
            "id eq",
            "id eq 1 2",
            "id = 1",
            "id eq '1'",
            "name eq 1",
            "nme eq 'x'",
            "name eq 'x",
            "name eq 'it's'",
            "not id eq 1",
            "tolower(name) eq 'b'",
            "seen gt '2026-01-01'",
            "id in ()",
            "id in (1",
            "tags eq 'a'",
            "name/any(t: t eq 'a')",
            "(id eq 1",
            "id eq 1)",
            "seen gt 2026-13-01Z",
            "name eq “b”",
        ] {
            assert!(found(&[("$filter", filter)]).is_err(), "{filter}");
        }
        for (option, value) in [
            ("$top", "10001"),
            ("$top", "-1"),
            ("$skip", "x"),
            ("$count", "yes"),
            ("$orderby", "id down"),
            ("$orderby", "nme"),
            ("$orderby", ""),
        ] {
            assert!(found(&[(option, value)]).is_err(), "{option}={value}");
        }
    }

    #[test]
    fn brackets_nest_only_so_deep() {
        let nested = |depth: usize| format!("{}id eq 1{}", "(".repeat(depth), ")".repeat(depth));
        assert_eq!(found(&[("$filter", &nested(40))]), Ok(vec![1]));
        assert!(found(&[("$filter", &nested(41))]).is_err());
        assert!(found(&[("$filter", &"(".repeat(1_000_000))]).is_err());
        let long = vec!["id eq 1"; 20_000].join(" or ");
        assert_eq!(found(&[("$filter", &long)]), Ok(vec![1]));
    }

    #[test]
    fn lists_are_ordered_by_id_unless_ordered() {
        assert_eq!(found(&[]), Ok(vec![1, 2, 3, 4]));
        assert_eq!(found(&[("$orderby", "id desc")]), Ok(vec![4, 3, 2, 1]));
        assert_eq!(found(&[("$orderby", "Name,id")]), Ok(vec![2, 4, 1, 3]));
        assert_eq!(found(&[("$skip", "1"), ("$top", "2")]), Ok(vec![2, 3]));
    }

    #[test]
    fn a_page_says_where_the_next_begins_only_if_the_service_cut_it() {
        let page = |fields: &str, largest| {
            let query = Query::read::<Sample>(&Fields::parse(fields.as_bytes())).ok();
            query.map(|query| query.page(sample().into_iter(), largest).next)
        };
        assert_eq!(page("", 3), Some(Some((3, None))));
        assert_eq!(page("$skip=1&$top=3", 2), Some(Some((3, Some(1)))));
        assert_eq!(page("$top=2", 3), Some(None));
        assert_eq!(page("", 4), Some(None));
    }
}
