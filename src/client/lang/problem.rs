//! The words for what went wrong, and for what to do then.

use std::io::ErrorKind;

use super::Lang;
use crate::client::{Ending, Problem};
use crate::protocol::Farewell;

impl Lang {
    /// How the session ended, where that needs a word.
    pub fn ending(self, ending: &Ending, server: &str) -> Option<String> {
        let sentence = match ending {
            Ending::Left | Ending::OutputClosed | Ending::Dismissed(Farewell::Quit) => return None,
            // It has been shown as it came.
            Ending::Failed(Problem::NameRefused | Problem::PasswordRefused) => return None,
            Ending::Failed(problem) => self.problem(problem, server),
            Ending::Dismissed(Farewell::Shutdown) => say! { self,
            "O servidor {server} foi encerrado.",
            "The server {server} was shut down." },
            Ending::Dismissed(Farewell::ServerFull) => say! { self,
            "O servidor {server} está cheio; tente mais tarde.",
            "The server {server} is full; try again later." },
            Ending::Dismissed(Farewell::TooManyConnections) => say! { self,
            "O servidor {server} já tem conexões demais deste endereço; feche alguma.",
            "The server {server} has too many connections from this address; close one." },
            Ending::Dismissed(Farewell::TooManyAttempts) => say! { self,
            "O servidor {server} recusou tentativas demais; conecte de novo.",
            "The server {server} has refused too many attempts; connect again." },
            Ending::Dismissed(Farewell::HandshakeTimeout) => say! { self,
            "O servidor {server} não esperou mais pelo nome; conecte de novo.",
            "The server {server} waited no longer for a name; connect again." },
            Ending::Dismissed(Farewell::Kicked) => say! { self,
            "O operador de {server} pôs você para fora.",
            "The operator of {server} has sent you off." },
            Ending::Dismissed(Farewell::Banned) => say! { self,
            "O operador de {server} não deixa entrar ninguém do seu endereço.",
            "The operator of {server} lets nobody in from your address." },
            Ending::Dismissed(Farewell::Replaced) => say! { self,
            "A sessão continua em outra conexão com {server}.",
            "The session goes on over another connection to {server}." },
            Ending::Dismissed(Farewell::EncryptionRequired) => say! { self,
            "O servidor {server} só fala cifrado com outras máquinas; entre sem --plaintext.",
            "The server {server} talks with other machines encrypted only; come in without --plaintext." },
        };
        Some(sentence)
    }

    /// What is wrong, and what to do.
    pub fn problem(self, problem: &Problem, server: &str) -> String {
        match problem {
            Problem::BadPort(port) => say! { self,
            "\"{port}\" não é uma porta; use um número de 1 a 65535, como 50001.",
            "\"{port}\" is not a port; use a number from 1 to 65535, such as 50001." },
            Problem::EmptyHost => say! { self,
            "O endereço do servidor está vazio; use --host com um IP ou um nome.",
            "The address of the server is empty; use --host with an IP or a name." },
            Problem::PortInHost(typed, flags) => say! { self,
            "\"{typed}\" tem uma porta; dê-a à parte: {flags}.",
            "\"{typed}\" has a port in it; give that by itself: {flags}." },
            Problem::SchemeInHost(typed, flags) => say! { self,
            "\"{typed}\" é um endereço da web; basta o nome ou o IP do servidor: {flags}.",
            "\"{typed}\" is a web address; the name or IP of the server will do: {flags}." },
            Problem::NoZone(host) => say! { self,
            "{host} só vale numa rede; diga por qual interface se chega a ele, como em --host {host}%eth0.",
            "{host} is good on one network alone; say which interface leads there, as in --host {host}%eth0." },
            Problem::BadUsername(error) => self.bad_name(error),
            Problem::UnknownHost(host) => say! { self,
            "Não há endereço para \"{host}\"; confira o nome, ou use o IP do servidor.",
            "There is no address for \"{host}\"; check the name, or use the server's IP." },
            Problem::NoResolver(host) => say! { self,
            "Ninguém respondeu qual é o endereço de \"{host}\"; confira a rede, ou use o IP do servidor.",
            "Nobody answered what the address of \"{host}\" is; check the network, or use the server's IP." },
            Problem::Refused(address) if address.ip().is_loopback() => say! { self,
            "{address} recusou a conexão: nesta máquina não há servidor nessa porta; inicie um, ou dê o endereço de outro, como em chat-client 192.168.0.17.",
            "{address} refused the connection: this machine has no server at that port; start one, or give the address of another, as in chat-client 192.168.0.17." },
            Problem::Refused(address) => say! { self,
            "{address} recusou a conexão; confira se o servidor está no ar e a porta é essa.",
            "{address} refused the connection; check that the server runs and that this is its port." },
            Problem::Unreachable(address) => say! { self,
            "Não há caminho até {address}; confira a rede e o endereço.",
            "There is no way to {address}; check the network and the address." },
            Problem::TimedOut(address) => say! { self,
            "{address} não respondeu a tempo; confira o endereço, a rede e o firewall.",
            "{address} did not answer in time; check the address, the network and the firewall." },
            Problem::NoConnection(address, reason) => say! { self,
            "Não foi possível conectar a {address}: {reason}.",
            "Cannot connect to {address}: {reason}." },
            Problem::NotEncrypted => say! { self,
            "{server} responde, mas sem cifrar; confira a porta, ou, se outros no caminho podem ler tudo, entre com --plaintext.",
            "{server} answers, but without encryption; check the port, or, if others on the way may read everything, come in with --plaintext." },
            Problem::OtherKey {
                seen,
                expected,
                known_in: Some((file, line)),
            } => {
                let file = file.display();
                say! { self,
                "A chave de {server} mudou: era {expected}, agora é {seen}. Talvez alguém esteja no meio do caminho, e por isso não entrei; se a nova é a da tela do servidor, apague a linha {line} de {file}.",
                "The key of {server} has changed: it was {expected}, and is {seen} now. Somebody may be in between, so I did not go in; if the new one is on the server's screen, remove line {line} of {file}." }
            }
            Problem::OtherKey {
                seen,
                expected,
                known_in: None,
            } => say! { self,
            "A chave de {server} é {seen}, e não {expected}. Talvez alguém esteja no meio do caminho, e por isso não entrei; confira na tela do servidor.",
            "The key of {server} is {seen}, not {expected}. Somebody may be in between, so I did not go in; compare it with the server's screen." },
            Problem::Unproven => say! { self,
            "{server} não prova que a chave que mostra é a sua; talvez alguém esteja no meio do caminho, e por isso não entrei.",
            "{server} does not prove that the key it shows is its own; somebody may be in between, so I did not go in." },
            Problem::NoCommonTls => say! { self,
            "{server} não cifra como este programa (TLS 1.3); confira a porta.",
            "{server} does not encrypt as this program does (TLS 1.3); check the port." },
            Problem::Garbled => say! { self,
            "O que {server} diz não se deixa decifrar; confira a porta e tente de novo.",
            "What {server} says cannot be deciphered; check the port and try again." },
            Problem::UnreadableServers { file, reason } => {
                let file = file.display();
                say! { self,
                "A lista de servidores conhecidos, {file}, não se deixa ler ({reason}); corrija isso, ou indique outra com --known-servers.",
                "The list of known servers, {file}, cannot be read ({reason}); mend that, or give another with --known-servers." }
            }
            Problem::UnreadableKey { file, line } => {
                let file = file.display();
                say! { self,
                "A linha {line} de {file} é sobre {server}, mas a sua chave não se deixa ler; corrija ou apague a linha.",
                "Line {line} of {file} is about {server}, but its key cannot be read; mend the line or remove it." }
            }
            Problem::BadFingerprint(typed) => say! { self,
            "\"{typed}\" não é a chave de um servidor; use a da tela dele: quatro grupos de cinco letras e algarismos.",
            "\"{typed}\" is not the key of a server; use the one on its screen: four groups of five letters and digits." },
            Problem::NoPasswordFile {
                file,
                reason: Some(reason),
            } => {
                let file = file.display();
                say! { self,
                "A senha não se deixa ler de {file} ({reason}); confira --password-file.",
                "The password cannot be read from {file} ({reason}); check --password-file." }
            }
            Problem::NoPasswordFile { file, reason: None } => {
                let file = file.display();
                say! { self,
                "Não há senha na primeira linha de {file}; escreva-a ali.",
                "There is no password on the first line of {file}; write it there." }
            }
            Problem::PasswordNeeded => say! { self,
            "{server} pede a senha da sala; indique-a com --password-file ou CHAT_PASSWORD.",
            "{server} wants the password of the room; give it with --password-file or CHAT_PASSWORD." },
            Problem::PasswordKept(key) => say! { self,
            "{server} pede a senha da sala, mas a sua chave é nova e a senha não foi enviada; se {key} é a da tela dele, use --fingerprint {key}.",
            "{server} wants the password of the room, but its key is new and the password was not sent; if {key} is on its screen, use --fingerprint {key}." },
            Problem::PasswordInPlain => say! { self,
            "{server} pede a senha da sala sem cifrar, e ela não foi enviada; entre sem --plaintext.",
            "{server} wants the password of the room without encryption, and it was not sent; come in without --plaintext." },
            Problem::NoChatServer => say! { self,
            "{server} responde, mas não como servidor deste chat; confira a porta.",
            "{server} answers, but not as a server of this chat; check the port." },
            Problem::Silent => say! { self,
            "{server} aceita a conexão, mas nada diz; confira a porta, e se o servidor não está parado.",
            "{server} takes the connection but says nothing; check the port, and whether the server hangs." },
            Problem::ConnectionClosed => say! { self,
            "O servidor {server} fechou a conexão.",
            "The server {server} closed the connection." },
            Problem::ConnectionLost(ErrorKind::TimedOut) => say! { self,
            "A conexão com {server} se perdeu (ninguém mais responde); confira a rede e tente de novo.",
            "The connection to {server} was lost (nobody answers any more); check the network and try again." },
            Problem::ConnectionLost(_) => say! { self,
            "A conexão com {server} se perdeu (cortada no caminho ou do outro lado); tente de novo.",
            "The connection to {server} was lost (cut off on the way or at the other side); try again." },
            Problem::NameTaken(name) => say! { self,
            "Em {server} outra pessoa usa agora o nome {name}; entre de novo, com outro.",
            "At {server} somebody else has the name {name} by now; come in again, with another." },
            // The server's own words have been shown.
            Problem::NameRefused | Problem::PasswordRefused => String::new(),
            Problem::System(reason) => say! { self,
            "O sistema recusou algo de que o chat precisa: {reason}.",
            "The system refused something that the chat needs: {reason}." },
        }
    }
}
