"""The registry as Django's app."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    """Tables are named skindose_..."""

    name = "skindose.registry"
    label = "skindose"
