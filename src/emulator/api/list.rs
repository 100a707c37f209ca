//! Lists: the options of a query, the page, and the link to the next one, which no page documents for
//! this service (switch `next_link`).

use http::StatusCode;
use serde::Serialize;

use super::{CONTEXT, Call};
use crate::emulator::answer::{Answer, Form, Refusal};
use crate::emulator::odata::{Page, Query, Row};

#[derive(Serialize)]
struct List<T> {
    #[serde(rename = "@odata.context")]
    context: String,
    #[serde(rename = "@odata.count", skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
    value: Vec<T>,
    #[serde(rename = "@odata.nextLink", skip_serializing_if = "Option::is_none")]
    next_link: Option<String>,
}

impl Call<'_> {
    /// The page that this request's options cut out of `rows`.
    pub(super) fn page<R: Row>(
        &self,
        rows: impl Iterator<Item = R>,
    ) -> Result<(Query, Page<R>), Refusal> {
        let query = Query::read::<R>(&self.asked.query)?;
        let page = query.page(rows, self.scene.switches.page_size.get());
        Ok((query, page))
    }

    /// A page as an answer, each row as `view` writes it.
    pub(super) fn list<'p, R, T: Serialize>(
        &self,
        set: &str,
        query: &Query,
        page: &'p Page<R>,
        view: impl Fn(&'p R) -> T,
    ) -> Answer {
        let next = page.next.filter(|_| self.scene.switches.next_link);
        let list = List {
            context: format!("{CONTEXT}{set}"),
            count: query.count.then_some(page.total),
            value: page.rows.iter().map(view).collect(),
            next_link: next.map(|(skip, top)| self.link(skip, top)),
        };
        Answer::json(StatusCode::OK, Form::Api, &list)
    }

    fn link(&self, skip: usize, top: Option<usize>) -> String {
        let mut fields = self.asked.query.clone();
        fields.set("$skip", &skip.to_string());
        if let Some(top) = top {
            fields.set("$top", &top.to_string());
        }
        format!("{}{}?{}", self.asked.origin, self.asked.path, fields.encoded())
    }
}
