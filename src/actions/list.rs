//! The tenant's machine actions as a list.

use http::Method;

use crate::client::Client;
use crate::error::Result;
use crate::model::MachineAction;
use crate::odata::{Filter, List, ListQuery, PAGE_LIMIT, Page, Paged};
use crate::operation::{Call, Operation, Spec};

const ORDER: &str = "creationDateTimeUtc";

/// Reads one page of the tenant's machine actions
/// ([documentation](https://learn.microsoft.com/defender-endpoint/api/get-machineactions-collection)).
///
/// Permission `Machine.Read.All` or `Machine.ReadWrite.All`; quota 100 a minute, 1,500 an hour.
/// [`Actions::list`] reads all pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListMachineActions {
    /// Which part of the list.
    pub query: ListQuery,
}

impl ListMachineActions {
    /// The first page of all actions, or of those that the filter lets through, oldest first.
    #[must_use]
    pub fn new(filter: Option<Filter>) -> Self {
        Self { query: ListQuery::new(filter, ORDER) }
    }
}

impl Operation for ListMachineActions {
    type Output = Page<MachineAction>;
    const SPEC: &'static Spec = &Spec::new(
        "list_machine_actions",
        Method::GET,
        "/machineactions",
        &["Machine.Read.All", "Machine.ReadWrite.All"],
    )
    .answer_limit(PAGE_LIMIT);

    fn call(&self) -> Result<Call> {
        self.query.call("machineactions")
    }

    fn decode(&self, body: &[u8]) -> Result<Page<MachineAction>> {
        Page::read(body)
    }
}

impl Paged for ListMachineActions {
    type Item = MachineAction;

    fn query(&mut self) -> &mut ListQuery {
        &mut self.query
    }

    fn key(action: &MachineAction) -> &str {
        action.id.as_str()
    }
}

impl Client {
    /// The tenant's machine actions, whoever submitted them.
    #[must_use]
    pub fn actions(&self) -> Actions {
        Actions { client: self.clone() }
    }
}

/// The tenant's machine actions, from [`Client::actions`].
#[derive(Clone, Debug)]
pub struct Actions {
    client: Client,
}

impl Actions {
    /// The actions that the filter lets through, oldest first: [`ListMachineActions`].
    ///
    /// The service filters by `id`, `status`, `machineId`, `type`, `requestor` and `creationDateTimeUtc`.
    ///
    /// ```no_run
    /// use defender_response::{Filter, MachineId};
    /// # async fn f(defender: defender_response::Client, machine: MachineId) -> defender_response::Result<()> {
    /// let filter = Filter::eq("machineId", &machine).and(Filter::eq("type", "Isolate"));
    /// let newest = defender.actions().newest_first(filter).at_most(1).next().await.transpose()?;
    /// # Ok(()) }
    /// ```
    pub fn list(&self, filter: impl Into<Option<Filter>>) -> List<MachineAction> {
        List::new(&self.client, ListMachineActions::new(filter.into()))
    }

    /// The same, newest first.
    pub fn newest_first(&self, filter: impl Into<Option<Filter>>) -> List<MachineAction> {
        let mut operation = ListMachineActions::new(filter.into());
        operation.query.order_by = format!("{ORDER} desc");
        List::new(&self.client, operation)
    }
}
