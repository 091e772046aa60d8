//! The words for the commands.

use super::Lang;
use crate::protocol::{COMMANDS, ClientKind, CommandKind, CommandSpec, OperatorKind};

#[allow(missing_docs, reason = "the sentences are the documentation")]
impl Lang {
    /// The commands, a line each.
    pub fn help(self) -> Vec<String> {
        let rows = COMMANDS.iter().map(|spec| {
            let usage = format!("{} {}", spec.names[0], self.arguments(spec));
            let (summary, also) = (self.summary(spec.kind), spec.names[1..].join(", "));
            match also.is_empty() {
                true => format!("{usage:<18}  {summary}"),
                false => format!("{usage:<18}  {summary} ({also})"),
            }
        });
        let slash = say! { self, "//texto", "//text" };
        let summary = say! { self, "diz /texto, com a barra", "says /text, with the slash" };
        rows.chain([format!("{slash:<18}  {summary}")]).collect()
    }

    /// What follows a command.
    fn arguments(self, spec: &CommandSpec) -> String {
        if self == Lang::En {
            return spec.arguments.to_owned();
        }
        let words = [
            ("NAME", "NOME"),
            ("TEXT", "TEXTO"),
            ("SECRET", "SENHA"),
            ("REASON", "MOTIVO"),
            ("ADDRESS", "ENDEREÇO"),
        ];
        let arguments = spec.arguments.to_owned();
        words
            .iter()
            .fold(arguments, |text, (en, pt)| text.replace(en, pt))
    }

    /// What a command does.
    fn summary(self, kind: CommandKind) -> String {
        match kind {
            CommandKind::Quit => say! { self, "sai", "leaves" },
            CommandKind::Private => say! { self,
            "fala a uma só pessoa",
            "speaks to one person alone" },
            CommandKind::Client(ClientKind::Reply) => say! { self,
            "responde à última mensagem privada",
            "answers the last private message" },
            CommandKind::Who => say! { self, "quem está aqui", "who is here" },
            CommandKind::Rename => say! { self, "muda o seu nome", "changes your name" },
            CommandKind::Act => say! { self, "diz o que você faz", "says what you do" },
            CommandKind::Client(ClientKind::Ignore) => say! { self,
            "não mostra mais o que alguém diz; de novo, volta a mostrar",
            "shows nothing more of somebody; again, shows it once more" },
            CommandKind::Help => say! { self, "esta lista", "this list" },
            CommandKind::Operator(OperatorKind::Op) => say! { self,
            "faz de você o operador; a senha está na tela do servidor",
            "makes you the operator; the secret is on the server's screen" },
            CommandKind::Operator(OperatorKind::Kick) => say! { self,
            "o operador põe alguém para fora",
            "the operator sends somebody off" },
            CommandKind::Operator(OperatorKind::Ban) => say! { self,
            "o operador não deixa mais ninguém entrar desse endereço",
            "the operator lets nobody in from that address any more" },
            CommandKind::Operator(OperatorKind::Unban) => say! { self,
            "o operador deixa entrar de novo",
            "the operator lets them in again" },
            CommandKind::Operator(OperatorKind::Bans) => say! { self,
            "o operador vê os endereços banidos",
            "the operator sees the banned addresses" },
        }
    }

    pub fn unknown_command(self, typed: &str, nearest: Option<&str>) -> String {
        match nearest {
            Some(nearest) => say! { self,
            "{typed} não é um comando; você quis dizer {nearest}?",
            "{typed} is not a command; did you mean {nearest}?" },
            None => say! { self,
            "{typed} não é um comando; /ajuda mostra os que há.",
            "{typed} is not a command; /help shows those there are." },
        }
    }

    pub fn missing_argument(self, typed: &str) -> String {
        let arguments = CommandSpec::find(typed)
            .map(|spec| self.arguments(spec))
            .unwrap_or_default();
        say! { self,
        "Falta algo em {typed}; escreva {typed} {arguments}.",
        "{typed} lacks something; write {typed} {arguments}." }
    }
}
