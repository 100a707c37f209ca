//! Lists that move while they are read: nothing that stayed is missed or told twice.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use defender_response::model::MachineAction;
use defender_response::{Client, ClientSecret, Error, Filter, Transport, TransportError};
use http::{Request, Response};
use proptest::prelude::*;

use crate::script::{APPLICATION, MACHINE, SECRET, Script, TENANT, TOKEN, answer, error, json};

/// A list of numbered actions, which changes between two pages as it is told.
#[derive(Clone)]
struct Moving(Arc<Mutex<State>>);

struct State {
    items: Vec<u32>,
    next: u32,
    changes: Vec<Change>,
    by_link: bool,
    /// The service's own limit to a page, with a plain `$skip` link to the rest.
    cut_at: Option<usize>,
    calls: usize,
}

#[derive(Clone, Debug)]
enum Change {
    Add(u32),
    RemoveFirst(usize),
    RemoveEvery(usize),
}

impl Moving {
    fn new(length: u32, changes: Vec<Change>, by_link: bool) -> Self {
        let items = (0..length).collect();
        Self(Arc::new(Mutex::new(State {
            items,
            next: length,
            changes,
            by_link,
            cut_at: None,
            calls: 0,
        })))
    }

    fn cut_at(self, length: Option<usize>) -> Self {
        self.0.lock().unwrap().cut_at = length;
        self
    }

    fn client(&self) -> Client {
        Client::builder(ClientSecret::new(TENANT, APPLICATION, SECRET))
            .quota_policy(defender_response::QuotaPolicy::Unlimited)
            .transport(self.clone())
            .build()
            .unwrap()
    }

    fn items(&self) -> BTreeSet<u32> {
        self.0.lock().unwrap().items.iter().copied().collect()
    }

    fn calls(&self) -> usize {
        self.0.lock().unwrap().calls
    }
}

impl State {
    fn page(&mut self, query: &str) -> String {
        self.calls += 1;
        let number = |name: &str| {
            let value =
                query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            value.map(|value| value.parse::<usize>().unwrap())
        };
        assert!(query.contains("$orderby=") || query.contains("token="), "{query}");
        let descending = query.contains("%20desc");
        let (skip, top) = match number("token") {
            Some(skip) => (skip, 10),
            None => (number("$skip").unwrap_or(0), number("$top").unwrap()),
        };
        let asked = top;
        let top = self.cut_at.map_or(top, |cut| cut.min(top));
        let mut order = self.items.clone();
        if descending {
            order.reverse();
        }
        let page: Vec<_> =
            order.iter().skip(skip).take(top).map(|n| format!(r#"{{"id":"{n}"}}"#)).collect();
        let more = self.by_link && skip + top < order.len();
        let link = if more {
            format!(
                r#","@odata.nextLink":"https://api.securitycenter.microsoft.com/api/machineactions?token={}""#,
                skip + top
            )
        } else {
            String::new()
        };
        // Every other service says that it cut a page.
        let link = match self.cut_at {
            Some(cut) if cut % 2 == 0 && top < asked && skip + top < order.len() => {
                let rest = skip + top;
                format!(
                    r#","@odata.nextLink":"https://elsewhere.example/api/machineactions?$skip={rest}""#
                )
            }
            _ => link,
        };
        match self.changes.pop() {
            Some(Change::Add(count)) => {
                self.items.extend(self.next..self.next + count);
                self.next += count;
            }
            Some(Change::RemoveFirst(count)) => {
                drop(self.items.drain(..count.min(self.items.len())));
            }
            Some(Change::RemoveEvery(nth)) => {
                let mut at = 0;
                self.items.retain(|_| {
                    at += 1;
                    at % nth != 0
                });
            }
            None => {}
        }
        format!(r#"{{"value":[{}]{link}}}"#, page.join(","))
    }
}

#[async_trait::async_trait]
impl Transport for Moving {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: usize,
    ) -> Result<Response<Bytes>, TransportError> {
        if request.uri().path().contains("/oauth2/") {
            return json(200, &format!(r#"{{"access_token":"{TOKEN}","expires_in":3599}}"#));
        }
        let query = request.uri().query().unwrap_or_default().to_owned();
        json(200, &self.0.lock().unwrap().page(&query))
    }
}

fn numbers(told: &[MachineAction]) -> Vec<u32> {
    told.iter().map(|action| action.id.as_str().parse().unwrap()).collect()
}

fn nothing_missed_or_told_twice(list: &Moving, before: &BTreeSet<u32>, told: &[u32]) {
    let told_once: BTreeSet<u32> = told.iter().copied().collect();
    assert_eq!(told_once.len(), told.len(), "something was told twice");
    let stayed: BTreeSet<u32> = before.intersection(&list.items()).copied().collect();
    let missed: Vec<_> = stayed.difference(&told_once).collect();
    assert!(missed.is_empty(), "missed {missed:?}");
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (0..60u32).prop_map(Change::Add),
        (0..120usize).prop_map(Change::RemoveFirst),
        (1..6usize).prop_map(Change::RemoveEvery),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_moving_list_is_read_whole_and_once(
        length in 0..400u32,
        page in prop_oneof![1..50u32, Just(1000u32)],
        changes in prop::collection::vec(change(), 0..12),
        newest_first: bool,
        cut_at in prop::option::of(100..300usize),
    ) {
        let list = Moving::new(length * 3, changes, false).cut_at(cut_at);
        let before = list.items();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let told = runtime.block_on(async {
            let actions = list.client().actions();
            let read = if newest_first { actions.newest_first(None) } else { actions.list(None) };
            read.page_size(page).all().await
        });
        nothing_missed_or_told_twice(&list, &before, &numbers(&told.unwrap()));
    }

    #[test]
    fn a_filter_by_any_text_arrives_as_that_text(text in "\\PC*") {
        let client = Script::new().client();
        let operation = defender_response::ListMachines::new(Some(Filter::eq("computerDnsName", &text)));
        let url = client.preview(&operation).unwrap().url;
        let (_, filter) = url.query_pairs().find(|(name, _)| name == "$filter").unwrap();
        prop_assert_eq!(filter, format!("computerDnsName eq '{}'", text.replace('\'', "''")));
        prop_assert!(!url.query().unwrap().contains('+'), "a plus is no blank to OData");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_list_costs_about_one_call_a_page() {
    let list = Moving::new(25_000, Vec::new(), false);
    let told = list.client().actions().list(None).all().await.unwrap();
    assert_eq!(told.len(), 25_000);
    assert!(list.calls() <= 27, "{} calls for 25 pages", list.calls());
}

#[tokio::test(start_paused = true)]
async fn next_links_of_our_host_are_followed() {
    let list = Moving::new(95, Vec::new(), true);
    let told = list.client().actions().list(None).page_size(10).all().await.unwrap();
    assert_eq!(
        (told.len(), list.calls()),
        (95, 11),
        "ten pages by link, and one look for what follows"
    );
}

#[tokio::test(start_paused = true)]
async fn a_next_link_to_another_host_is_not_followed() {
    let page = r#"{"value":[{"id":"1"}],"@odata.nextLink":"https://elsewhere.example/api/machineactions?token=1"}"#;
    let rest = r#"{"value":[{"id":"1"},{"id":"2"}]}"#;
    let script = Script::new().then(json(200, page)).then(json(200, rest));
    let told = script.client().actions().list(None).all().await.unwrap();
    assert_eq!(told.len(), 2, "the link says that there is more");
    for request in script.sent() {
        assert_eq!(request.uri().host(), Some("api.securitycenter.microsoft.com"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_repeats_itself_is_given_up() {
    let same = r#"{"value":[{"id":"1"},{"id":"2"}],"@odata.nextLink":"https://api.securitycenter.microsoft.com/api/machineactions?token=1"}"#;
    let script = Script::new().then(json(200, same)).then(json(200, same));
    let error = script.client().actions().list(None).all().await.unwrap_err();
    assert!(error.is_service() && error.to_string().contains("same next link"), "{error}");

    let mut stuck = Script::new();
    for _ in 0..100 {
        stuck = stuck.then(json(200, r#"{"value":[{"id":"1"},{"id":"2"}]}"#));
    }
    let outcome = stuck.client().actions().list(None).page_size(2).all().await;
    assert!(outcome.is_ok_and(|told| told.len() == 2) || stuck.sent().len() < 100);
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_has_three_forms() {
    let machines = |script: &Script| script.client().machines().list(None);
    for outcome in [
        json(200, r#"{"value":[]}"#),
        json(200, "[]"),
        error(404, "ResourceNotFound", "no machine"),
    ] {
        assert!(machines(&Script::new().then(outcome)).all().await.unwrap().is_empty());
    }
    let page = answer(404, "text/html", "<html>not here</html>");
    assert!(machines(&Script::new().then(page)).all().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_failing_page_ends_the_list_with_its_error() {
    let full: Vec<_> = (0..2).map(|n| format!(r#"{{"id":"{n}"}}"#)).collect();
    let script = Script::new()
        .then(json(200, &format!(r#"{{"value":[{}]}}"#, full.join(","))))
        .then(error(403, "Forbidden", ""));
    let mut list = script.client().actions().list(None).page_size(2);
    assert!(list.next().await.unwrap().is_ok());
    assert!(list.next().await.unwrap().is_ok());
    assert!(list.next().await.unwrap().as_ref().is_err_and(Error::is_permission_denied));
    assert!(list.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn at_most_asks_for_no_more_than_it_tells() {
    let list = Moving::new(500, Vec::new(), false);
    let told = list.client().actions().newest_first(None).at_most(3).all().await.unwrap();
    assert_eq!((numbers(&told), list.calls()), (vec![499, 498, 497], 1));
    let filter = Filter::eq("machineId", MACHINE);
    assert!(list.client().actions().list(filter).at_most(0).next().await.is_none());
    assert_eq!(list.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_page_of_one_is_read_too() {
    let list = Moving::new(5, Vec::new(), false);
    let told = list.client().actions().list(None).page_size(1).all().await.unwrap();
    assert_eq!(numbers(&told), [0, 1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn items_without_an_id_are_told_and_end() {
    let page =
        |count: usize| json(200, &format!(r#"{{"value":[{}]}}"#, vec!["{}"; count].join(",")));
    let script = Script::new().then(page(4)).then(page(3));
    let told = script.client().actions().list(None).page_size(4).all().await.unwrap();
    assert!(told.len() >= 4, "{}", told.len());
}

#[tokio::test(start_paused = true)]
async fn a_long_step_back_does_not_give_the_list_up() {
    let mut changes = vec![Change::Add(0); 60];
    changes.insert(10, Change::RemoveFirst(1600));
    let list = Moving::new(10_000, changes, false);
    let before = list.items();
    let told = list.client().actions().list(None).page_size(100).all().await.unwrap();
    nothing_missed_or_told_twice(&list, &before, &numbers(&told));
}

#[tokio::test(start_paused = true)]
async fn only_machines_have_an_empty_list_that_is_not_found() {
    let missing = || Script::new().then(error(404, "ResourceNotFound", "no machine"));
    assert!(missing().client().machines().list(None).all().await.unwrap().is_empty());
    assert!(missing().client().alerts().list(None).all().await.is_err());
    let no_route = Script::new().then(error(404, "NotFound", "No HTTP resource was found"));
    assert!(no_route.client().machines().list(None).all().await.is_err());
}
