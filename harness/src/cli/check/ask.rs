//! What `--property` and `--consistency` ask for, as people type it.
//!
//! What a property needs to know is written behind its name: `bank:total=100,negative-balances`.

use rashomon_checker::properties::{MonotonicScope, PropertyKind, PropertyOptions};
use rashomon_checker::transactions::Consistency;

use crate::cli::names;

/// Before the name of an account.
const BALANCE: &str = "balance.";

/// A property to check.
#[derive(Debug, Clone)]
pub(super) struct PropertyAsk {
    pub(super) kind: PropertyKind,
    pub(super) options: PropertyOptions<'static>,
}

/// The options of a property, as they are typed, each with what it says.
pub(in crate::cli) fn options_of(kind: PropertyKind) -> &'static [(&'static str, &'static str)] {
    match kind {
        PropertyKind::Bank => &[
            ("total=N", "what all balances add up to"),
            (
                "balance.ACCOUNT=N",
                "an account with its balance at the start; once for each account",
            ),
            ("negative-balances", "balances may be below zero"),
        ],
        PropertyKind::Monotonic => &[("per-process", "only for each process by itself")],
        PropertyKind::SetFull => {
            &[("linearizable", "an element must be seen as soon as it was added")]
        }
        PropertyKind::TotalQueue => &[("drained", "the queue was empty at the end")],
        PropertyKind::LongFork
        | PropertyKind::Session
        | PropertyKind::UniqueIds
        | PropertyKind::Counter
        | PropertyKind::Log => &[],
    }
}

/// `NAME` or `NAME:OPTION,OPTION=VALUE`.
pub(super) fn property(text: &str) -> Result<PropertyAsk, String> {
    let (name, rest) = text.split_once(':').unwrap_or((text, ""));
    let known = PropertyKind::ALL.map(PropertyKind::name);
    let kind = PropertyKind::from_name(name)
        .ok_or_else(|| names::unknown("property", name, &known, "rashomon list properties"))?;
    let mut ask = PropertyAsk { kind, options: PropertyOptions::default() };
    for option in rest.split(',').map(str::trim).filter(|option| !option.is_empty()) {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (option, None),
        };
        ask.take(name, value)?;
    }
    Ok(ask)
}

impl PropertyAsk {
    fn take(&mut self, name: &str, value: Option<&str>) -> Result<(), String> {
        let options = &mut self.options;
        match (self.kind, name) {
            (PropertyKind::Bank, "total") => options.total = Some(number(name, value)?),
            (PropertyKind::Bank, "negative-balances") => {
                options.negative_balances = switch(name, value)?;
            }
            (PropertyKind::Bank, account) if account.starts_with(BALANCE) => {
                let balance = number(account, value)?;
                let account = account[BALANCE.len()..].to_owned();
                if options.balances.get_or_insert_default().insert(account, balance).is_some() {
                    return Err(format!("{name:?} is given twice"));
                }
            }
            (PropertyKind::Monotonic, "per-process") => {
                if switch(name, value)? {
                    options.monotonic = MonotonicScope::Process;
                }
            }
            (PropertyKind::SetFull, "linearizable") => options.linearizable = switch(name, value)?,
            (PropertyKind::TotalQueue, "drained") => options.drained = switch(name, value)?,
            _ => return Err(self.unknown_option(name)),
        }
        Ok(())
    }

    fn unknown_option(&self, name: &str) -> String {
        let known: Vec<&str> = options_of(self.kind)
            .iter()
            .map(|(option, _)| option.split(['=', '.']).next().unwrap_or(option))
            .collect();
        if known.is_empty() {
            return format!("property {} has no options", self.kind);
        }
        let what = format!("option of {}", self.kind);
        names::unknown(&what, name, &known, "rashomon list properties")
    }
}

fn number(name: &str, value: Option<&str>) -> Result<i64, String> {
    let text = value.ok_or_else(|| format!("{name:?} needs a number: \"{name}=100\""))?;
    text.parse().map_err(|_| format!("{name:?} needs a whole number, not {text:?}"))
}

fn switch(name: &str, value: Option<&str>) -> Result<bool, String> {
    match value {
        None => Ok(true),
        Some(value) => Err(format!("{name:?} takes no value, but is given {value:?}")),
    }
}

/// The consistency model of this name, or the nearest name.
pub(super) fn consistency(name: &str) -> Result<Consistency, String> {
    let known = Consistency::ALL.map(Consistency::name);
    let unknown = || names::unknown("consistency model", name, &known, "rashomon list consistency");
    name.parse().map_err(|_| unknown())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_stand_behind_the_name() {
        let bank = property("bank:total=-5, balance.1=60,balance.b=-65,negative-balances").unwrap();
        assert_eq!(bank.options.total, Some(-5));
        assert!(bank.options.negative_balances);
        let balances: Vec<_> = bank.options.balances.unwrap().into_iter().collect();
        assert_eq!(balances, [("1".to_owned(), 60), ("b".to_owned(), -65)]);
        let monotonic = property("monotonic:per-process").unwrap();
        assert_eq!(monotonic.options.monotonic, MonotonicScope::Process);
        assert!(property("set-full:linearizable").unwrap().options.linearizable);
        assert!(property("total-queue:drained").unwrap().options.drained);
        for kind in PropertyKind::ALL {
            let options = property(kind.name()).unwrap().options;
            assert_eq!(format!("{options:?}"), format!("{:?}", PropertyOptions::default()));
        }
    }

    #[test]
    fn mistakes_are_named_with_what_would_do() {
        for (text, answer) in [
            ("bnak", "there is no property \"bnak\"; did you mean \"bank\"?"),
            ("bank:totl=1", "there is no option of bank \"totl\"; did you mean \"total\"?"),
            ("bank:total", "\"total\" needs a number: \"total=100\""),
            ("bank:total=ten", "\"total\" needs a whole number, not \"ten\""),
            ("bank:balance.1=2,balance.1=3", "\"balance.1\" is given twice"),
            ("set-full:linearizable=no", "\"linearizable\" takes no value"),
            ("log:strict", "property log has no options"),
        ] {
            let error = property(text).unwrap_err();
            assert!(error.contains(answer), "{text}: {error}");
        }
        let error = consistency("serialisable").unwrap_err();
        assert!(error.contains("did you mean \"serializable\"?"), "{error}");
        assert_eq!(consistency("PL-3"), Ok(Consistency::Serializable));
    }
}
