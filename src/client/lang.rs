//! All words of the client, in both its languages.

use jiff::Zoned;
use unicode_normalization::char::is_combining_mark;

use super::ServerAddress;
use super::prompt::TERMINAL_LIMIT;
use crate::protocol::{
    LINE_LIMIT, LeaveReason, NAME_LIMIT, RefusalCode, Text, Username, UsernameError,
};
use crate::tls::Fingerprint;

/// A language of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Lang {
    /// Portuguese.
    Pt,
    /// English.
    En,
}

/// Formats the sentence of the language, Portuguese first.
macro_rules! say {
    ($lang:expr, $pt:literal, $en:literal $(,)?) => {
        match $lang {
            Lang::Pt => format!($pt),
            Lang::En => format!($en),
        }
    };
}

/// A method for each of these sentences.
macro_rules! sentences {
    ($(fn $name:ident($($what:ident: $type:ty),*) { $pt:literal, $en:literal })+) => {
        #[allow(missing_docs, reason = "the sentences are the documentation")]
        impl Lang {
            $(pub fn $name(self, $($what: $type),*) -> String {
                say!(self, $pt, $en)
            })+
        }
    };
}

mod commands;
mod outage;
mod problem;

sentences! {
    fn name_prompt() { "Seu nome: ", "Your name: " }
    fn still_connecting(server: &ServerAddress) {
        "Ainda conectando a {server}; Ctrl-C desiste.",
        "Still connecting to {server}; Ctrl-C gives up."
    }
    fn password_prompt() { "Senha da sala: ", "Password of the room: " }
    fn password_in_lines() {
        "A senha é uma só linha; nada foi enviado. Digite-a de novo.",
        "The password is one line alone; nothing was sent. Type it again."
    }
    fn new_server(server: &str, key: &Fingerprint) {
        "Servidor novo: {server} tem a chave {key}. Confira na tela dele; de agora em diante tem de ser essa.",
        "New server: {server} has the key {key}. Compare it with the server's screen; from now on it has to be this one."
    }
    fn unkept_server(server: &str, reason: &str) {
        "A chave de {server} não pôde ser guardada ({reason}); da próxima vez ele será novo outra vez.",
        "The key of {server} could not be kept ({reason}); next time it will be new again."
    }
    fn password_question(key: &Fingerprint) {
        "A chave {key} é a da tela do servidor? Só então mando a senha (sim ou não): ",
        "Is {key} the key on the server's screen? Only then the password is sent (yes or no): "
    }
    fn joined(name: &Username) { "{name} entrou", "{name} joined" }
    fn renamed(old: &Username, new: &Username) { "{old} agora é {new}", "{old} is now {new}" }
    fn users(total: usize, names: &str) {
        "na sala ({total}): {names}",
        "here ({total}): {names}"
    }
    fn end_of_past() {
        "acima, o que foi dito antes de você entrar",
        "above: what was said before you came in"
    }
    fn nobody_to_answer() {
        "Ninguém daqui lhe escreveu em particular antes deste /r; use /msg NOME TEXTO.",
        "Nobody here has written to you privately before this /r; use /msg NAME TEXT."
    }
    fn may_be_another(name: &Username) {
        "{name} pode ter saído ou mudado de nome enquanto você digitava; sob esse nome pode agora estar outra pessoa. Nada foi enviado; outro Enter envia.",
        "{name} may have left or changed names while you were typing; under that name there may be somebody else now. Nothing was sent; Enter again sends it."
    }
    fn line_too_long() {
        "A linha passa de {LINE_LIMIT} bytes e não foi enviada; divida-a.",
        "The line has more than {LINE_LIMIT} bytes and was not sent; split it."
    }
    fn line_cut() {
        "A linha passa de {TERMINAL_LIMIT} bytes, este terminal a corta, e ela não foi enviada; divida-a.",
        "The line has more than {TERMINAL_LIMIT} bytes, this terminal cuts it, and it was not sent; split it."
    }
    fn not_utf8() {
        "A linha não é UTF-8 e não foi enviada; confira a codificação do terminal.",
        "The line is not UTF-8 and was not sent; check the encoding of the terminal."
    }
    fn not_sent() {
        "A linha não pôde ser enviada; a seta para cima a traz de volta.",
        "The line could not be sent; the Up key brings it back."
    }
    fn pasted(lines: usize) {
        "-- {lines} linhas; Enter as envia",
        "-- {lines} lines; Enter sends them"
    }
    fn command_in_paste() {
        "Há um comando entre as linhas coladas; nada foi enviado. Corrija, ou apague com Ctrl-U.",
        "There is a command among the pasted lines; nothing was sent. Mend it, or clear it with Ctrl-U."
    }
    fn ignored(name: &Username) {
        "O que {name} diz não aparece mais; /ignorar {name} de novo volta a mostrar",
        "Nothing more of what {name} says is shown; /ignore {name} again shows it"
    }
    fn no_longer_ignored(name: &Username) {
        "O que {name} diz volta a aparecer",
        "What {name} says is shown again"
    }
    fn all_ignored(count: usize, names: &str) {
        "ignorados ({count}): {names}",
        "ignored ({count}): {names}"
    }
    fn search_prompt(wanted: &str) {
        "(busca para trás)`{wanted}': ",
        "(reverse-i-search)`{wanted}': "
    }
    fn failed_search_prompt(wanted: &str) {
        "(busca para trás falhou)`{wanted}': ",
        "(failed reverse-i-search)`{wanted}': "
    }
}

#[allow(missing_docs, reason = "the sentences are the documentation")]
impl Lang {
    /// The system's language: Portuguese where it says `pt` or nothing, as for `C`.
    pub fn of_system() -> Lang {
        let locale = sys_locale::get_locale().unwrap_or_default().to_lowercase();
        match locale.split(['-', '_', '.']).next() {
            Some("pt" | "c" | "posix" | "") | None => Lang::Pt,
            Some(_) => Lang::En,
        }
    }

    pub fn welcome(self, name: &Username, people: usize) -> String {
        let room = match people {
            1 => say! { self, "só você na sala", "nobody else is here yet" },
            n => say! { self, "{n} pessoas na sala", "{n} people are here" },
        };
        say! { self,
        "Olá, {name}: {room}. /ajuda mostra os comandos, /SAIR sai.",
        "Hello, {name}: {room}. /help shows the commands, /SAIR leaves." }
    }

    pub fn date(self, now: &Zoned) -> String {
        let form = match self {
            Lang::Pt => "%d/%m/%Y",
            Lang::En => "%Y-%m-%d",
        };
        now.strftime(form).to_string()
    }

    pub fn left(self, name: &Username, reason: LeaveReason) -> String {
        match reason {
            LeaveReason::Quit => say! { self, "{name} saiu", "{name} left" },
            LeaveReason::Lost => say! { self,
            "{name} saiu (conexão perdida)",
            "{name} left (connection lost)" },
            LeaveReason::Slow => say! { self,
            "{name} saiu (não acompanhava a conversa)",
            "{name} left (could not keep up)" },
            LeaveReason::Kicked => say! { self,
            "{name} saiu (por ordem do operador)",
            "{name} left (sent off by the operator)" },
        }
    }

    /// Why the server did not do what it was asked.
    pub fn refusal(self, code: RefusalCode, detail: &Text) -> String {
        match code {
            RefusalCode::UsernameEmpty => self.bad_name(&UsernameError::Empty),
            RefusalCode::UsernameTooLong => self.bad_name(&UsernameError::TooLong),
            RefusalCode::UsernameInvalid => match detail.as_str().parse::<Username>() {
                Err(error) => self.bad_name(&error),
                Ok(_) => say! { self,
                "O servidor não aceita {detail} como nome; escolha outro.",
                "The server does not take {detail} for a name; choose another." },
            },
            RefusalCode::UsernameTaken => say! { self,
            "O nome {detail} está em uso, ou se parece com um que está; escolha outro.",
            "The name {detail} is in use, or looks like one that is; choose another." },
            RefusalCode::UnknownCommand => self.unknown_command(detail.as_str(), None),
            RefusalCode::MissingArgument => self.missing_argument(detail.as_str()),
            RefusalCode::NoSuchUser => say! { self,
            "{detail} não está aqui; /quem mostra quem está.",
            "{detail} is not here; /who shows who is." },
            RefusalCode::LineTooLong => self.line_too_long(),
            RefusalCode::NotUtf8 => self.not_utf8(),
            RefusalCode::PasswordWrong => say! { self,
            "A senha não é essa; confira e tente de novo.",
            "That is not the password; check it and try again." },
            RefusalCode::SessionUnknown => say! { self,
            "O servidor já não conhece esta sessão.",
            "The server does not know this session any more." },
            RefusalCode::NotOperator => say! { self,
            "Só o operador pode usar {detail}; e ele precisa de uma conexão cifrada.",
            "Only the operator can use {detail}, and over an encrypted connection." },
            RefusalCode::BadArgument => say! { self,
            "{detail} não serve aqui; confira o nome, o endereço ou o prazo.",
            "{detail} cannot be used here; check the name, the address or the time." },
        }
    }

    pub fn missed(self, lines: u64) -> String {
        match lines {
            1 => say! { self,
            "ao menos uma linha dita a todos se perdeu enquanto você esteve fora",
            "at least one line said to all was lost while you were away" },
            _ => say! { self,
            "ao menos {lines} linhas ditas a todos se perderam enquanto você esteve fora",
            "at least {lines} lines said to all were lost while you were away" },
        }
    }

    pub fn bad_name(self, error: &UsernameError) -> String {
        match error {
            UsernameError::Empty => say! { self,
            "O nome está vazio; digite um.",
            "The name is empty; type one." },
            UsernameError::TooLong => say! { self,
            "O nome tem mais de {NAME_LIMIT} caracteres; escolha um mais curto.",
            "The name has more than {NAME_LIMIT} characters; choose a shorter one." },
            UsernameError::Invalid { name, character } => {
                let (name, character) = (Text::new(name), self.character(*character));
                say! { self,
                "\"{name}\" não serve de nome; use letras de uma só escrita e algarismos, e depois do primeiro também - e _: {character} não cabe.",
                "\"{name}\" cannot be a name; use letters of one script and digits, and after the first also - and _: {character} does not fit." }
            }
        }
    }

    /// A character as people write it, where it can be seen, and its number in Unicode.
    fn character(self, c: char) -> String {
        let number = format!("U+{:04X}", u32::from(c));
        let raw = c.to_string();
        let shown = Text::new(&raw);
        if c.is_whitespace() {
            return say! { self, "um espaço ({number})", "a blank ({number})" };
        }
        if shown.is_blank() || shown.as_str() != raw {
            return number;
        }
        // A mark is written on a letter, and alone on a dotted circle.
        let circle = if is_combining_mark(c) { "\u{25cc}" } else { "" };
        format!("{circle}{c} ({number})")
    }
}
