"""Settings: environment variables, then `.env`, then `gofer.toml`, with the same names everywhere."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from agent.domain.errors import Refused

CONFIG_FILE = "gofer.toml"


class PolicySettings(BaseModel):
    """`[policy]` of gofer.toml: rules in Claude's permission syntax, judged deny, ask, allow."""

    model_config = ConfigDict(extra="forbid")

    plan: Literal["always", "auto", "never"] = Field(
        default="auto", description="When people see a plan before work starts."
    )
    deny: list[str] = Field(default=[], description="Calls that are never run, e.g. `Bash(rm *)`.")
    ask: list[str] = Field(default=[], description="Calls that ask each time.")
    allow: list[str] = Field(default=[], description="Calls that run without asking.")


class AccessSettings(BaseModel):
    """`[access]` of gofer.toml: person ids, ids of user groups or roles, or `everyone`; empty: nobody but admins."""

    model_config = ConfigDict(extra="forbid")

    start: list[str] = Field(default=[], description="Who may hand work to Gofer, besides admins and admitted people.")
    decide: list[str] = Field(
        default=["requester"], description="Who may decide what Gofer asks, besides admins; `requester`: who asked."
    )


class ChannelSettings(BaseModel):
    """`[channels."slack:TEAM:CHANNEL"]` of gofer.toml: what is different in one channel."""

    model_config = ConfigDict(extra="forbid")

    start: list[str] | None = Field(default=None, description="Who may hand work to Gofer there; else as in [access].")
    decide: list[str] | None = Field(default=None, description="Who may decide there; else as in [access].")
    plan: Literal["always", "auto", "never"] | None = Field(
        default=None, description="When people see a plan there; else as in [policy]."
    )


class BudgetSettings(BaseModel):
    """`[budgets]` of gofer.toml: limits in USD; reaching one parks the task with a question."""

    model_config = ConfigDict(extra="forbid")

    task_usd: float = Field(default=5.0, gt=0, description="One task.")
    person_day_usd: float = Field(default=20.0, gt=0, description="One person, per UTC day.")
    day_usd: float = Field(default=100.0, gt=0, description="Everybody, per UTC day.")


class PriceSettings(BaseModel):
    """`[prices."MODEL"]` of gofer.toml: USD per million tokens, for a model that Gofer has no price of."""

    model_config = ConfigDict(extra="forbid")

    input: float = Field(ge=0, description="Input tokens.")
    output: float = Field(ge=0, description="Output tokens.")


class Settings(BaseSettings):
    """All settings. Secrets never show their value in logs or errors."""

    model_config = SettingsConfigDict(
        env_prefix="GOFER_",  # fields without an alias; else HOME and POLICY of the environment would count as ours
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    home: Path = Field(
        default=Path("~/.local/share/gofer"), alias="GOFER_HOME", description="Data folder: database, files, keys."
    )
    database_url: SecretStr = Field(
        default=SecretStr(""),
        alias="GOFER_DATABASE_URL",
        description="`postgresql+psycopg://…`; empty: a SQLite file in GOFER_HOME.",
    )
    anthropic_api_key: SecretStr = Field(
        default=SecretStr(""),
        alias="ANTHROPIC_API_KEY",
        description="Key of the Claude API; without one the model is `offline`.",
    )
    anthropic_base_url: str = Field(
        default="", alias="ANTHROPIC_BASE_URL", description="Address of an Anthropic-compatible service."
    )
    model: str = Field(
        default="",
        alias="GOFER_MODEL",
        description="Model id, or `offline`; empty: `claude-sonnet-5-5` when there is a key.",
    )
    effort: str = Field(
        default="", alias="GOFER_EFFORT", description="Thinking effort of the model: `low`, `medium`, `high`."
    )
    web_host: str = Field(default="127.0.0.1", alias="GOFER_WEB_HOST", description="Address the web chat listens on.")
    web_port: int = Field(
        default=8765, alias="GOFER_WEB_PORT", ge=0, le=65535, description="Its port; 0: any free one."
    )
    public_url: str = Field(
        default="", alias="GOFER_PUBLIC_URL", description="How people reach the web chat from outside."
    )
    sandbox: Literal["auto", "docker", "bwrap", "unshare"] = Field(
        default="auto", alias="GOFER_SANDBOX", description="Where commands run; never unsandboxed."
    )
    sandbox_image: str = Field(
        default="", alias="GOFER_SANDBOX_IMAGE", description="Docker image; empty: the one `gofer sandbox build` makes."
    )
    docker_engines: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        alias="GOFER_DOCKER_ENGINES",
        description="Engine URLs, comma separated; the first one is used so far.",
    )
    require_docker: bool = Field(
        default=False, alias="GOFER_REQUIRE_DOCKER", description="Refuse to start when Docker is not usable."
    )
    admins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        alias="GOFER_ADMINS",
        description="Person ids, comma separated: `web:owner`, `slack:T…:U…`, `discord:ID`.",
    )
    slack_bot_token: SecretStr = Field(
        default=SecretStr(""),
        alias="SLACK_BOT_TOKEN",
        description="Bot token of the Slack app, `xoxb-…`; empty: no Slack, unless SLACK_CLIENT_ID is set.",
    )
    slack_app_token: SecretStr = Field(
        default=SecretStr(""),
        alias="SLACK_APP_TOKEN",
        description="App-level token for Socket Mode, `xapp-…`, with the scope `connections:write`.",
    )
    slack_signing_secret: SecretStr = Field(
        default=SecretStr(""),
        alias="SLACK_SIGNING_SECRET",
        description="Proves that a request comes from Slack; needed when GOFER_SLACK_MODE is `http`.",
    )
    slack_mode: Literal["socket", "http"] = Field(
        default="socket",
        alias="GOFER_SLACK_MODE",
        description="How Slack reaches Gofer: over a connection that Gofer opens, or at GOFER_PUBLIC_URL.",
    )
    slack_api_url: str = Field(
        default="", alias="GOFER_SLACK_API_URL", description="Address of Slack's Web API, if not Slack's own."
    )
    slack_client_id: str = Field(
        default="", alias="SLACK_CLIENT_ID", description="Of the Slack app, to install it in several workspaces."
    )
    slack_client_secret: SecretStr = Field(
        default=SecretStr(""), alias="SLACK_CLIENT_SECRET", description="Belongs to SLACK_CLIENT_ID."
    )
    discord_token: SecretStr = Field(
        default=SecretStr(""),
        alias="DISCORD_TOKEN",
        description="Token of the Discord application's bot; empty: no Discord.",
    )
    discord_message_content: bool = Field(
        default=False,
        alias="GOFER_DISCORD_MESSAGE_CONTENT",
        description="Ask Discord for the message content intent, so that replies without a mention count, too.",
    )
    discord_public_key: str = Field(
        default="",
        alias="DISCORD_PUBLIC_KEY",
        pattern=r"^(?:[0-9a-fA-F]{64})?$",
        description="Public key of the Discord application, for interactions over HTTP; empty: they come by gateway.",
    )
    discord_api_url: str = Field(
        default="",
        alias="GOFER_DISCORD_API_URL",
        pattern=r"^(?:https?://.+/v\d+)?$",
        description="Address of Discord's REST API and its version, `https://…/api/v10`, if not Discord's own.",
    )
    discord_gateway_url: str = Field(
        default="",
        alias="GOFER_DISCORD_GATEWAY_URL",
        pattern=r"^(?:wss?://.+)?$",
        description="Address of Discord's gateway, if not Discord's own.",
    )
    secret_key: SecretStr = Field(
        default=SecretStr(""),
        alias="GOFER_SECRET_KEY",
        description="Encrypts stored tokens; empty: a key that Gofer makes in GOFER_HOME.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", alias="GOFER_LOG_LEVEL", description="How much is logged."
    )
    script: str = Field(
        default="",
        alias="GOFER_SCRIPT",
        description="File with a written conversation that `GOFER_MODEL=scripted` plays.",
    )
    policy: PolicySettings = Field(default_factory=PolicySettings, description="Table of gofer.toml.")
    access: AccessSettings = Field(default_factory=AccessSettings, description="Table of gofer.toml.")
    channels: dict[str, ChannelSettings] = Field(default_factory=dict, description="Tables of gofer.toml.")
    budgets: BudgetSettings = Field(default_factory=BudgetSettings, description="Table of gofer.toml.")
    prices: dict[str, PriceSettings] = Field(default_factory=dict, description="Table of gofer.toml.")

    @field_validator("docker_engines", "admins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("home")
    @classmethod
    def _expand(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment, then `.env`, then the file."""
        toml = TomlConfigSettingsSource(settings_cls, toml_file=Path(CONFIG_FILE))
        return init_settings, env_settings, dotenv_settings, toml

    @property
    def database(self) -> str:
        """The database URL in force."""
        url = self.database_url.get_secret_value()
        return url or f"sqlite:///{self.home / 'gofer.sqlite3'}"

    @property
    def model_name(self) -> str:
        """The model in force."""
        return self.model or ("claude-sonnet-5-5" if self.anthropic_api_key.get_secret_value() else "offline")


def load_settings() -> Settings:
    """The settings in force. Raises `Refused` with one sentence for each wrong one, naming it; never its value."""
    try:
        return Settings()  # pyright: ignore[reportCallIssue]  every field has a default
    except tomllib.TOMLDecodeError as error:
        raise Refused(f"{CONFIG_FILE} cannot be read: {error}.", next_step="Mend that line and start again.") from error
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        raise Refused(
            f"Some settings are wrong: {wrong}.", next_step=f"Mend them in the environment, .env or {CONFIG_FILE}."
        ) from error
