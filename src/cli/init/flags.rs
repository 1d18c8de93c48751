//! The questions about the flag service.

use std::sync::Arc;

use secrecy::SecretString;

use super::ask::Question;
use super::gitlab::Gitlab;
use super::service::{self, Wrong};
use super::{Interview, address, file, kinds, secrets};
use crate::cli::Trouble;
use crate::cli::words::plain;
use crate::config::{fits, suggestion};
use crate::flags::{FlagProvider, KindDoc, OwnService, Pasted, ServiceProject};

/// Where the key may come from.
const VARIABLE: &str = "FLAGLINK_INIT_SERVICE_KEY";
/// So many projects are shown.
const SHOWN: usize = 20;

/// The flag service as it was found.
pub(super) struct Flags {
    pub(super) kind: &'static KindDoc,
    /// The table's name.
    pub(super) name: String,
    pub(super) url: Option<String>,
    pub(super) project: Option<String>,
    /// Its key; `None` where it needs none, and where the environment has it.
    pub(super) key: Option<SecretString>,
    /// Environments that a new rule is told of.
    pub(super) tell: Vec<String>,
    /// What wants attention: a version that flaglink is not made for.
    pub(super) warnings: Vec<String>,
    /// A flag to try it with.
    pub(super) example: Option<String>,
    /// The service itself, where it is one of its own.
    pub(super) asked: Option<Arc<dyn FlagProvider>>,
}

impl Interview<'_> {
    /// Which service, where, with what key, which project.
    pub(super) async fn flag_service(&self, gitlab: &Gitlab) -> Result<Flags, Trouble> {
        let known = file::service(&self.document, None).map(|service| service.kind);
        let help = kinds::names_with_remarks(", or ");
        let question = Question { words: "Which flag service?", help: &help, flag: "--service" };
        let proposed = crate::flags::kinds().first().map(|kind| kind.kind);
        let kind = loop {
            let answer = match &self.init.service {
                Some(given) => given.clone(),
                None => self.answer(question, known.as_deref(), proposed)?.to_lowercase(),
            };
            if let Some(kind) = crate::flags::kinds().iter().find(|kind| kind.kind == answer) {
                break kind;
            }
            self.asker.refuse(question, true, &format!("there are {}", kinds::names(" and ")))?;
        };
        let there = file::service(&self.document, Some(kind.kind));
        let name = there.as_ref().map_or_else(|| kind.kind.to_owned(), |service| service.name.clone());
        let Some(own) = &kind.setup.own else {
            // It is a part of GitLab, which is known already.
            let from = gitlab.projects.first().map(|project| project.id);
            let flags = match from {
                Some(from) => gitlab.api.feature_flags(from).await.ok().flatten().unwrap_or_default(),
                None => Vec::new(),
            };
            let example = flags.first().map(|flag| flag.name.clone());
            let project = there.and_then(|service| service.project);
            return Ok(Flags {
                kind,
                name,
                url: None,
                project,
                key: None,
                tell: self.tell("", &[])?,
                warnings: Vec::new(),
                example,
                asked: None,
            });
        };
        self.service_with_key(kind, own, name, there, gitlab).await
    }

    async fn service_with_key(
        &self,
        kind: &'static KindDoc,
        own: &OwnService,
        name: String,
        there: Option<file::There>,
        gitlab: &Gitlab,
    ) -> Result<Flags, Trouble> {
        let known_url = there.as_ref().and_then(|service| service.url.clone());
        let known_project = there.and_then(|service| service.project);
        let title = kind.service;
        let where_words = format!("Where is your {title}?");
        let where_is = Question {
            words: &where_words,
            help: "The address of its API or of its pages.",
            flag: "--service-url",
        };
        let key_words = format!("The API key for {title}?");
        let key_help = format!("{} It is not shown here.", own.key_help);
        let key_question = Question {
            words: &key_words,
            help: &key_help,
            flag: "--service-key-file or FLAGLINK_INIT_SERVICE_KEY",
        };
        let in_file = |key: &str| self.document.get("providers")?.get(&name)?.get(key)?.as_str();
        let variable = in_file(&own.key_env()).map(str::to_owned);
        let known_key = match &variable {
            Some(variable) => self.context.env.get(variable).cloned().map(SecretString::from),
            None => {
                secrets::read(&self.secret_at(in_file(&own.key_file()).unwrap_or(&format!("{name}-key"))))
            }
        };
        let mut given_key = match &self.init.service_key_file {
            Some(file) => Some(
                secrets::given(file)
                    .map_err(|why| Trouble::Arguments(format!("--service-key-file: {why}")))?,
            ),
            None => self.context.env.get(VARIABLE).cloned().map(SecretString::from).or(known_key),
        };
        let mut given_url = self.init.service_url.clone();
        let own_ca = in_file("ca_file").map(|file| self.beside(file));
        let ca_file = own_ca.or_else(|| self.ca_file()).map(|file| super::absolute(&file));
        let mut url_now: Option<Pasted> = None;
        let (url, in_address, key, seen) = loop {
            let typed_url = given_url.is_none();
            let Pasted { url, project } = match url_now.take() {
                Some(now) => now,
                None => {
                    let answer = match given_url.take() {
                        Some(given) => given,
                        None => self.answer(where_is, known_url.as_deref(), own.proposed)?,
                    };
                    let read = {
                        let _step = self.progress.step(format!("looking for {title}"));
                        address::service(&answer, own, title, ca_file.as_deref()).await
                    };
                    match read {
                        Ok(read) => read,
                        Err(why) => {
                            self.asker.refuse(where_is, typed_url || self.asker.somebody(), &why)?;
                            continue;
                        }
                    }
                }
            };
            let typed_key = given_key.is_none();
            let secret = match given_key.take() {
                Some(given) => given,
                None => self.secret(key_question)?,
            };
            let step = self.progress.step(format!("asking {title}"));
            let tried = match secrets::cleaned(&secret, "key") {
                Ok(key) => match service::provider(kind, own, &url, &key, None, ca_file.as_deref()) {
                    Ok(provider) => {
                        service::projects(provider.as_ref(), own, &url).await.map(|seen| (key, seen))
                    }
                    Err(why) => Err(Wrong::Address(why)),
                },
                Err(why) => Err(Wrong::Key(why)),
            };
            drop(step);
            match tried {
                Ok((key, seen)) => break (url, project, key, seen),
                Err(Wrong::Key(why)) => {
                    self.asker.refuse(key_question, typed_key || self.asker.somebody(), &why)?;
                    url_now = Some(Pasted { url, project });
                }
                Err(Wrong::Address(why)) => {
                    self.asker.refuse(where_is, typed_url || self.asker.somebody(), &why)?;
                    given_key = Some(secret);
                }
            }
        };
        self.asker.good(&format!("{title} answers at {url}"));
        let project = match own.project {
            Some(_) => Some(self.service_project(title, in_address, known_project, &seen)?),
            None => None,
        };
        let provider = service::provider(kind, own, &url, &key, project.as_deref(), ca_file.as_deref());
        let provider: Arc<dyn FlagProvider> = provider.map_err(Trouble::Arguments)?;
        let warnings: Vec<String> = service::too_old(provider.as_ref()).await.into_iter().collect();
        warnings.iter().for_each(|warning| self.asker.warn(warning));
        let names = service::environments(provider.as_ref()).await;
        if names.is_empty() {
            self.asker.say("the project shows no environments: flags have no state there yet");
        } else {
            self.asker.good(&format!("environments: {}", names.join(", ")));
        }
        let from = gitlab.projects.first().map_or(0, |project| project.id);
        let example = provider.keys(from).await.ok().and_then(|keys| keys.into_iter().next());
        let key = variable.is_none().then_some(key);
        let tell = self.tell(&name, &names)?;
        let asked = Some(provider);
        Ok(Flags { kind, name, url: Some(url), project, key, tell, warnings, example, asked })
    }

    /// Which project: the one whose page was given as the address, else the one that is asked for.
    fn service_project(
        &self,
        title: &str,
        in_address: Option<String>,
        known: Option<String>,
        seen: &[ServiceProject],
    ) -> Result<String, Trouble> {
        let list: Vec<String> =
            seen.iter().take(SHOWN).map(|project| format!("{}  {}", project.id, project.name)).collect();
        let (words, help) = (format!("Which project of {title}?"), list.join("\n"));
        let question = Question { words: &words, help: &help, flag: "--service-project" };
        let only = match seen {
            [only] => Some(only.id.clone()),
            _ => None,
        };
        let is_seen = |id: &String| seen.iter().any(|project| project.id == *id);
        let known = known.filter(is_seen);
        let mut given = self.init.service_project.clone().or(in_address.filter(is_seen));
        loop {
            let typed = given.is_none();
            let answer = match given.take() {
                Some(given) => given,
                // Where there is but one nobody needs to be asked.
                None => match (&known, &only) {
                    (None, Some(only)) => only.clone(),
                    (known, _) => self.answer(question, known.as_deref(), None)?,
                },
            };
            let named = |project: &&ServiceProject| {
                project.id == answer || project.name.eq_ignore_ascii_case(&answer)
            };
            if let Some(project) = seen.iter().find(named) {
                self.asker.good(&format!("its project {} ({})", project.id, project.name));
                return Ok(project.id.clone());
            }
            let why = match seen {
                [] => format!("the key sees no project of {title} at all"),
                _ => format!(
                    "the key sees no project {answer}; it sees {}",
                    list.join(", ").replace("  ", " ")
                ),
            };
            self.asker.refuse(question, typed, &why)?;
        }
    }

    /// Environments whose changes also get a reply, for new rules.
    fn tell(&self, service: &str, names: &[String]) -> Result<Vec<String>, Trouble> {
        if let Some(given) = &self.init.tell {
            return told(given, service, names)
                .map_err(|why| Trouble::Arguments(format!("{}: {why}", TELL.flag)));
        }
        let live = names.iter().find(|name| name.to_lowercase().starts_with("prod")).cloned();
        // Rules that are there keep what they say.
        if !file::projects(&self.document).is_empty() || !self.asker.somebody() {
            return Ok(live.into_iter().collect());
        }
        loop {
            let answer = self.asker.line(TELL, Some(live.as_deref().unwrap_or("none")))?;
            let given: Vec<String> = answer.split(',').map(|name| name.trim().to_owned()).collect();
            match told(&given, service, names) {
                Ok(told) => return Ok(told),
                Err(why) => self.asker.refuse(TELL, true, &why)?,
            }
        }
    }
}

const TELL: Question<'_> = Question {
    words: "Changes in which environments shall also get a reply, so that people are notified?",
    help: "Names with commas, or `none`. The table in the bot's comment is kept up to date for all of them anyway.",
    flag: "--tell",
};

/// Those environments; `none` is none. An error about the first that the service does not have, as far as it tells which it has.
fn told(given: &[String], service: &str, names: &[String]) -> Result<Vec<String>, String> {
    if given.iter().all(|name| name.trim().is_empty() || name == "none") {
        return Ok(Vec::new());
    }
    let there = |given: &String| {
        let environment = match given.split_once(':') {
            Some((of, name)) if of.eq_ignore_ascii_case(service) => name,
            // Of another service, which is not asked here.
            Some(_) => return true,
            None => given,
        };
        let environment = environment.trim().to_lowercase();
        names.is_empty() || names.iter().any(|name| fits(&environment, &name.to_lowercase()))
    };
    match given.iter().find(|given| !there(given)) {
        None => Ok(given.to_vec()),
        Some(unknown) => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            Err(format!(
                "there is no environment `{}`. {}",
                plain(unknown),
                suggestion(unknown, &names, "environments")
            ))
        }
    }
}
