"""The app."""

from django.apps import AppConfig


class ClientsConfig(AppConfig):
    """The clients of practices, which client_access decides about."""

    name = "clients"
    verbose_name = "Clients"
