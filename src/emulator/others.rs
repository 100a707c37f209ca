//! What a test can let others do: analysts and other applications, administrators of the tenant, programs
//! that use up the quota.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::faults::{FaultError, FaultRule};
use super::handle::Emulator;
use super::hosts::NoSuchMachine;
use super::operation::Operation;
use super::setting::SwitchError;
use super::world::{
    Act, ActRefused, ActionView, Actor, AlertChange, AlertSetup, ClientSecret, Deed, Event,
    MachineSetup, Tenant,
};
use crate::types::Secret;

impl Emulator {
    /// Lets somebody else act on a machine now; the id of the action that stands for it.
    ///
    /// # Errors
    /// When there is no such machine, or the service turns it down.
    pub fn act(
        &self,
        actor: Actor,
        machine_id: &str,
        act: Act,
        comment: &str,
    ) -> Result<String, ActRefused> {
        let mut service = self.0.lock();
        let unknown = || ActRefused::new(NoSuchMachine(machine_id.to_owned()).to_string());
        let (tenant, machine) = service.directory.home_of(machine_id).ok_or_else(unknown)?;
        let deed = Deed { actor, act, machine, comment: comment.to_owned() };
        let done = service.in_tenant(tenant, |tenant, scene| {
            let number = tenant.act(deed, scene)?;
            Ok(tenant.actions.get(number).map(|action| action.id.clone()).unwrap_or_default())
        });
        done.ok_or_else(unknown)?
    }

    /// Lets somebody else act on a machine later; refused or not, nobody is told.
    ///
    /// # Errors
    /// When there is no such machine.
    pub fn act_after(
        &self,
        time: Duration,
        actor: Actor,
        machine_id: &str,
        act: Act,
        comment: &str,
    ) -> Result<(), NoSuchMachine> {
        let mut service = self.0.lock();
        let unknown = || NoSuchMachine(machine_id.to_owned());
        let (tenant, machine) = service.directory.home_of(machine_id).ok_or_else(unknown)?;
        let deed = Deed { actor, act, machine, comment: comment.to_owned() };
        service
            .in_tenant(tenant, |_, scene| scene.enter(time, Event::Act(deed)))
            .ok_or_else(unknown)
    }

    /// Lets somebody else cancel an action.
    ///
    /// # Errors
    /// When there is no such action, or it can't be cancelled any more.
    pub fn cancel_as(
        &self,
        actor: Actor,
        action_id: &str,
        comment: &str,
    ) -> Result<(), ActRefused> {
        let mut service = self.0.lock();
        let unknown = || ActRefused::new(format!("there is no action {action_id:?}"));
        let home = |tenant: &Tenant| tenant.actions.find(action_id);
        let place = service.directory.iter().position(|tenant| home(tenant).is_some());
        let done = service.in_tenant(place.ok_or_else(unknown)?, |tenant, scene| {
            let number = home(tenant).ok_or_else(unknown)?;
            let (by, comment) = (actor.name().to_owned(), comment.to_owned());
            tenant.cancel(number, by, comment, scene).map_err(ActRefused::from)
        });
        done.ok_or_else(unknown)?
    }

    /// Lets an analyst edit an alert in the portal: comment on it, or set status and owner.
    ///
    /// # Errors
    /// When there is no such alert.
    pub fn edit_alert(
        &self,
        alert_id: &str,
        status: Option<&str>,
        assigned_to: Option<&str>,
        comment: Option<&str>,
    ) -> Result<(), ActRefused> {
        let mut service = self.0.lock();
        let now = service.catch_up();
        let alert = service.directory.iter_mut().find_map(|tenant| tenant.alerts.get_mut(alert_id));
        let alert =
            alert.ok_or_else(|| ActRefused::new(format!("there is no alert {alert_id:?}")))?;
        let change = AlertChange {
            status: status.map(str::to_owned),
            assigned_to: assigned_to.map(str::to_owned),
            comment: comment.map(str::to_owned),
            ..AlertChange::default()
        };
        alert.change(&change, Actor::Analyst.name(), now);
        Ok(())
    }

    /// Lets other programs use so many calls a minute of every application's quota for an operation.
    ///
    /// # Errors
    /// When there is no such operation.
    pub fn others_use(&self, operation: &str, per_minute: usize) -> Result<(), SwitchError> {
        let known = Operation::named(operation);
        let unknown = || SwitchError(format!("there is no operation {operation:?}"));
        self.0.lock().quotas.set_others(known.ok_or_else(unknown)?, per_minute);
        Ok(())
    }

    /// Adds a rule about what goes wrong.
    ///
    /// # Errors
    /// When the rule names no operation, or can't be carried out.
    pub fn fault(&self, rule: FaultRule) -> Result<(), FaultError> {
        self.0.lock().faults.add(vec![rule])
    }

    /// The rules that aren't used up.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultRule> {
        self.0.lock().faults.rules().to_vec()
    }

    /// Drops all rules about what goes wrong.
    pub fn clear_faults(&self) {
        self.0.lock().faults.clear();
    }

    /// Makes every token that was issued invalid, as a revocation does.
    pub fn revoke_tokens(&self) {
        self.0.lock().grants.revoke_all();
    }

    /// Sets an application's roles, in every tenant it is registered in. Tokens that were issued keep the
    /// roles they have.
    pub fn set_roles(&self, client_id: &str, roles: &[&str]) {
        let roles: Arc<[String]> = roles.iter().map(|role| (*role).to_owned()).collect();
        let mut service = self.0.lock();
        let apps = service.directory.iter_mut().flat_map(|tenant| &mut tenant.apps);
        for app in apps.filter(|app| app.id.eq_ignore_ascii_case(client_id)) {
            app.roles = Arc::clone(&roles);
        }
    }

    /// Replaces an application's secrets by one, as a rotation does, in every tenant.
    pub fn rotate_secret(&self, client_id: &str, secret: impl Into<Secret>) {
        let text = secret.into();
        let mut service = self.0.lock();
        let apps = service.directory.iter_mut().flat_map(|tenant| &mut tenant.apps);
        for app in apps.filter(|app| app.id.eq_ignore_ascii_case(client_id)) {
            app.secrets = vec![ClientSecret { text: text.clone(), expires: None }];
        }
    }

    /// Adds a machine to the first tenant; its id.
    #[allow(clippy::must_use_candidate)]
    pub fn add_machine(&self, machine: MachineSetup) -> String {
        let mut service = self.0.lock();
        let added =
            service.in_tenant(0, |tenant, scene| tenant.add_machine(machine, scene.ids, scene.now));
        added.unwrap_or_default()
    }

    /// Adds an alert to the first tenant; its id.
    #[allow(clippy::must_use_candidate)]
    pub fn add_alert(&self, alert: AlertSetup) -> String {
        let mut service = self.0.lock();
        let added =
            service.in_tenant(0, |tenant, scene| tenant.add_alert(alert, scene.ids, scene.now));
        added.unwrap_or_default()
    }

    /// The ids of all alerts.
    #[must_use]
    pub fn alerts(&self) -> Vec<String> {
        let service = self.0.lock();
        service.directory.iter().flat_map(|tenant| tenant.alerts.keys().cloned()).collect()
    }

    /// All machine actions as the service has them on record, unlisted ones too, oldest first.
    #[must_use]
    pub fn actions(&self) -> Vec<Value> {
        let mut service = self.0.lock();
        service.catch_up();
        let views = service.directory.iter().flat_map(|tenant| {
            tenant.actions.iter().filter_map(|action| {
                let machine = tenant.machines.get(action.machine)?;
                serde_json::to_value(ActionView::new(action, machine)).ok()
            })
        });
        views.collect()
    }
}
