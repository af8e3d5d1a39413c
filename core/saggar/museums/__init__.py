"""Photographs and catalogue texts from museums' open-access services, with their licence and credit line."""
