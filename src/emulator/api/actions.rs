//! Machine actions: submit, read, cancel (pages isolate-machine, unisolate-machine, run-av-scan,
//! restrict-code-execution, get-machineaction-object, cancel-machine-action).

use http::StatusCode;

use super::body::Body;
use super::rows::ActionRow;
use super::{Call, Repeat, entity};
use crate::emulator::answer::{Answer, Refusal};
use crate::emulator::operation::Operation;
use crate::emulator::switches::{
    DefaultIsolation, Duplicate, DuplicateStatus, ExternalId, LONG_COMMENT, LongComment, Requestor,
    Shown,
};
use crate::emulator::world::{
    Action, ActionView, Actor, Kind, Machine, Scene, Status, Submission, Submitted,
};

impl Call<'_> {
    pub(super) fn submit_action(&mut self) -> Result<Answer, Refusal> {
        let wanted = self.read_submission()?;
        let id = self.asked.target();
        let machine =
            self.tenant.machine_with_id(id).ok_or_else(|| Refusal::not_found("Machine", id))?;
        if let Repeat::AfterAnalyst { .. } = self.repeat {
            self.let_analyst_go_first(machine, &wanted)?;
        }
        match self.tenant.submit(machine, wanted, &mut self.scene)? {
            Submitted::New(number) => {
                Ok(self.action_answer(number, StatusCode::CREATED, true)?.changed())
            }
            Submitted::Running(number) => {
                let status = match self.scene.switches.duplicate_status {
                    DuplicateStatus::Created => StatusCode::CREATED,
                    DuplicateStatus::Ok => StatusCode::OK,
                };
                self.action_answer(number, status, false)
            }
        }
    }

    fn let_analyst_go_first(
        &mut self,
        machine: usize,
        wanted: &Submission,
    ) -> Result<Submitted, Refusal> {
        let theirs = Submission {
            requestor: Actor::Analyst.name().to_owned(),
            comment: "Contained from the portal".to_owned(),
            source: "Portal",
            external_id: None,
            duplicate: Duplicate::SameAction,
            ..wanted.clone()
        };
        self.tenant.submit(machine, theirs, &mut self.scene)
    }

    pub(super) fn get_action(&mut self) -> Result<Answer, Refusal> {
        let number = self.wanted_action()?;
        self.action_answer(number, StatusCode::OK, false)
    }

    pub(super) fn cancel_action(&mut self) -> Result<Answer, Refusal> {
        let comment = self.comment()?;
        let number = self.wanted_action()?;
        let requestor = self.requestor();
        self.tenant.cancel(number, requestor, comment, &self.scene)?;
        Ok(self.action_answer(number, StatusCode::OK, false)?.changed())
    }

    /// Newest ones may be missing (switch `list_lag`), and those that ended of late as they were before (`status_lag`): how
    /// soon the list has them isn't documented.
    pub(super) fn list_actions(&self) -> Result<Answer, Refusal> {
        let Scene { now, switches, .. } = &self.scene;
        let old_enough =
            |action: &&Action| now.wall.since(action.created.wall) >= switches.list_lag;
        let rows = self
            .tenant
            .actions
            .iter()
            .filter(|action| !action.unlisted)
            .filter(old_enough)
            .filter_map(|action| {
                let machine = self.tenant.machines.get(action.machine)?;
                Some(ActionRow(action.as_listed(now.wall, switches.status_lag), machine))
            });
        let (query, page) = self.page(rows)?;
        Ok(self.list("MachineActions", &query, &page, |ActionRow(action, machine)| {
            self.action_view(action, machine)
        }))
    }

    fn read_submission(&self) -> Result<Submission, Refusal> {
        let comment = self.comment()?;
        let body = Body::of(self.asked.json.as_ref())?;
        let (kind, scope) = match self.asked.route.operation() {
            Operation::Isolate => (Kind::Isolate, Some(self.isolation_type(body)?)),
            Operation::Unisolate => (Kind::Unisolate, None),
            Operation::Restrict => (Kind::Restrict, None),
            Operation::Unrestrict => (Kind::Unrestrict, None),
            _ => {
                body.needed_text("ScanType")?;
                (Kind::Scan, body.word("ScanType", &["Quick", "Full"])?)
            }
        };
        let external_id = body.text("ExternalId")?.map(str::to_owned);
        let external_id = match (external_id, self.scene.switches.external_id) {
            (Some(_), ExternalId::Refused) => return Err(Refusal::body()),
            (given, ExternalId::Kept) => given,
            _ => None,
        };
        Ok(Submission {
            kind,
            scope: scope.map(str::to_owned),
            comment,
            requestor: self.requestor(),
            source: "PublicApi",
            external_id,
            duplicate: match self.repeat {
                Repeat::Meets(duplicate) => duplicate,
                Repeat::AfterAnalyst { refused: false } => Duplicate::SameAction,
                Repeat::AfterAnalyst { refused: true } => Duplicate::Refused,
                Repeat::Stuck => Duplicate::Stuck,
            },
            stuck: matches!(self.repeat, Repeat::Stuck),
        })
    }

    /// The page doesn't say what a missing `IsolationType` means.
    fn isolation_type(&self, body: Body<'_>) -> Result<&'static str, Refusal> {
        let given = body.word("IsolationType", &["Full", "Selective", "UnManagedDevice"])?;
        match (given, self.scene.switches.isolation_type_default) {
            (Some(given), _) => Ok(given),
            (None, DefaultIsolation::Full) => Ok("Full"),
            (None, DefaultIsolation::Selective) => Ok("Selective"),
            (None, DefaultIsolation::Refused) => Err(Refusal::missing("IsolationType")),
        }
    }

    fn comment(&self) -> Result<String, Refusal> {
        let comment = Body::of(self.asked.json.as_ref())?.needed_text("Comment")?;
        if comment.chars().nth(LONG_COMMENT).is_none() {
            return Ok(comment.to_owned());
        }
        match self.scene.switches.long_comment {
            LongComment::Accepted => Ok(comment.to_owned()),
            LongComment::Cut => Ok(comment.chars().take(LONG_COMMENT).collect()),
            LongComment::Refused => Err(Refusal::body()),
        }
    }

    pub(super) fn requestor(&self) -> String {
        let by_id = self.scene.switches.requestor == Requestor::Id;
        self.caller()
            .map(|app| if by_id { app.id.clone() } else { app.name.clone() })
            .unwrap_or_default()
    }

    fn wanted_action(&self) -> Result<usize, Refusal> {
        let id = self.asked.target();
        let found = self.tenant.actions.find(id);
        found.ok_or_else(|| Refusal::not_found("Machine action", id))
    }

    fn action_answer(
        &self,
        number: usize,
        status: StatusCode,
        fresh: bool,
    ) -> Result<Answer, Refusal> {
        let action = self.tenant.actions.get(number).ok_or_else(super::unknown)?;
        let machine = self.tenant.machines.get(action.machine).ok_or_else(super::unknown)?;
        let mut view = self.action_view(action, machine);
        if fresh && self.scene.switches.scope_on_create == Shown::Null {
            view.scope = None;
        }
        if fresh && self.scene.switches.name_on_create == Shown::Null {
            view.computer_dns_name = None;
        }
        Ok(entity(status, "MachineActions", &view, self.scene.switches))
    }

    fn action_view<'b>(&self, action: &'b Action, machine: &'b Machine) -> ActionView<'b> {
        let mut view = ActionView::new(action, machine);
        if self.scene.switches.novelty && action.status == Status::InProgress {
            view.status = "Dispatched";
        }
        view
    }
}
